import pytest
import torch
from pydantic import ValidationError

from foundry_bench.teachers.pcp_mae import PcpMae, PcpMaeSettings, SinePositions
from foundry_bench.teachers.teacher import Teacher
from foundry_bench.testing import TeacherContract
from foundry_bench.testing.tiny import TINY

SETTINGS = PcpMaeSettings(**TINY.model_dump() | {"name": "pcp_mae", "position_hidden": 32})


class TestPcpMae(TeacherContract):
    def teacher(self) -> Teacher:
        return PcpMae(SETTINGS)


def test_positions_begin_with_sines_and_cosines_of_each_coordinate() -> None:
    found = SinePositions(12)(torch.tensor([[[0.5, 1.0, -2.0]]]))[0, 0]
    values = torch.tensor([0.5, 1.0, -2.0])[:, None] * torch.tensor([1.0, 0.01])
    expected = torch.cat([values.sin(), values.cos()], dim=1).flatten()
    torch.testing.assert_close(found, expected)


def test_a_width_that_six_does_not_divide_is_refused() -> None:
    with pytest.raises(ValidationError, match="width: must be a multiple of 6, not 28"):
        PcpMaeSettings(**SETTINGS.model_dump() | {"width": 28, "heads": 2})
