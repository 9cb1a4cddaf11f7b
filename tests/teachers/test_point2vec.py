from foundry_bench.seeds import seeded
from foundry_bench.teachers.point2vec import Point2Vec
from foundry_bench.teachers.teacher import Teacher
from foundry_bench.testing import TeacherContract, tiny_teacher
from foundry_bench.testing.tiny import TINY


class TestPoint2Vec(TeacherContract):
    def teacher(self) -> Teacher:
        return Point2Vec(TINY)


def test_its_layout_is_that_of_point_jepa() -> None:
    with seeded(0):
        teacher = Point2Vec(TINY)
    assert list(teacher.state_dict()) == list(tiny_teacher().state_dict())
