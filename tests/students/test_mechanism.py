import pytest

from foundry_bench.registries import ASSIGNMENTS
from foundry_bench.students.foundry import Foundry
from foundry_bench.students.mechanism import FpsStudent, KMeansStudent, RandomStudent
from foundry_bench.students.student import Student
from foundry_bench.teachers.teacher import Teacher
from foundry_bench.testing import StudentContract, tiny_teacher


class TestFpsStudent(StudentContract):
    def student(self, teacher: Teacher, supertokens: int) -> Student:
        return FpsStudent(teacher, FpsStudent.Settings(supertokens=supertokens))


class TestKMeansStudent(StudentContract):
    def student(self, teacher: Teacher, supertokens: int) -> Student:
        return KMeansStudent(teacher, KMeansStudent.Settings(supertokens=supertokens))


class TestRandomStudent(StudentContract):
    def student(self, teacher: Teacher, supertokens: int) -> Student:
        return RandomStudent(teacher, RandomStudent.Settings(supertokens=supertokens))


@pytest.mark.parametrize(
    ("student", "assignment"),
    [(FpsStudent, "fps"), (KMeansStudent, "kmeans_xyz"), (RandomStudent, "random")],
)
def test_it_is_foundry_with_that_assignment(student: type[Foundry], assignment: str) -> None:
    made = student(tiny_teacher(), student.Settings(supertokens=4))
    assert type(made.assignment) is ASSIGNMENTS.get(assignment)
