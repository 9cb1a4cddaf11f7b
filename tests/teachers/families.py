"""A small teacher of each family that is built in."""

from foundry_bench.registries import TEACHERS
from foundry_bench.seeds import seeded
from foundry_bench.teachers.teacher import ViTTeacher
from foundry_bench.testing.tiny import TINY

FAMILIES = ("point_jepa", "point2vec", "point_mae", "pcp_mae", "point_bert", "recon", "point_gpt")


def small(family: str, seed: int = 0, **changes: object) -> ViTTeacher:
    """The teacher with the size of the tiny one, in eval mode, and the random weights of `seed`."""
    teacher = TEACHERS.get(family)
    assert issubclass(teacher, ViTTeacher)
    settings = teacher.Settings(**TINY.model_dump() | {"name": family} | changes)
    with seeded(seed, "teacher"):
        return teacher(settings).eval()
