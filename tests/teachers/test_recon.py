import torch

from foundry_bench.seeds import seeded
from foundry_bench.teachers.point_mae import PointMae
from foundry_bench.teachers.recon import Recon
from foundry_bench.teachers.teacher import Teacher
from foundry_bench.testing import TeacherContract, tiny_patches
from foundry_bench.testing.tiny import TINY


class TestRecon(TeacherContract):
    def teacher(self) -> Teacher:
        return Recon(TINY)


def test_it_is_not_point_mae_under_another_name() -> None:
    with seeded(0):
        recon = Recon(TINY).eval()
    other = PointMae(TINY).eval()
    other.load_state_dict(recon.state_dict())
    assert not torch.allclose(recon.tokens(tiny_patches()), other.tokens(tiny_patches()))
