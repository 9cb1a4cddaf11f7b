import pytest
import torch
from safetensors.torch import load_file

from foundry_bench.config.settings import TeacherSettings
from foundry_bench.resources import shipped
from foundry_bench.teachers.point_jepa import PointJepa
from foundry_bench.teachers.preset import teacher_source
from foundry_bench.teachers.teacher import Teacher
from foundry_bench.testing import TeacherContract, tiny_patches, tiny_teacher
from foundry_bench.testing.tiny import TINY

WEIGHTS = shipped("experiments/teachers") / "point_jepa_tiny.safetensors"


class TestPointJepa(TeacherContract):
    def teacher(self) -> Teacher:
        return PointJepa(TINY)


def test_drop_path_is_for_training_alone() -> None:
    teacher = PointJepa(TINY.model_copy(update={"drop_path": 0.5}))
    patches = tiny_patches(8)
    assert not torch.equal(teacher.tokens(patches), teacher.tokens(patches))
    teacher.eval()
    assert torch.equal(teacher.tokens(patches), teacher.tokens(patches))


def test_positions_come_from_centres_alone() -> None:
    teacher, patches = tiny_teacher(), tiny_patches()
    assert teacher.positions(patches.centers_BC3).shape == (3, 8, 24)
    assert torch.equal(teacher.tokenizer(patches.neighbors_BCK3), teacher.embed(patches).tokens_BCD)


@pytest.mark.skipif(not WEIGHTS.is_file(), reason="the tiny teacher's weights do not ship yet")
def test_the_shipped_weights_load_and_are_not_random() -> None:
    teacher = teacher_source(TeacherSettings()).build()
    random = teacher_source(TeacherSettings(weights="random")).build()
    assert WEIGHTS.stat().st_size <= 8 * 2**20
    found = load_file(WEIGHTS)
    assert all(torch.equal(found[name], value) for name, value in teacher.state_dict().items())
    patches = tiny_patches(2, spec=teacher.patch_spec)
    assert teacher.tokens(patches).isfinite().all()
    assert not torch.allclose(teacher.tokens(patches), random.tokens(patches))
