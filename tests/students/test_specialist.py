import pytest

from foundry_bench.config.settings import TrainSettings
from foundry_bench.students.specialist import Specialist, SpecialistSettings
from foundry_bench.students.student import Student
from foundry_bench.teachers.teacher import Teacher
from foundry_bench.testing import StudentContract


class TestSpecialist(StudentContract):
    def student(self, teacher: Teacher, supertokens: int) -> Student:
        return Specialist(teacher, SpecialistSettings(supertokens=supertokens))


def test_a_batch_of_one_is_refused() -> None:
    SpecialistSettings().check_training(TrainSettings())
    alone = TrainSettings.model_validate({"distill": {"batch": 1}})
    with pytest.raises(ValueError, match=r"needs train\.distill\.batch of at least 2"):
        SpecialistSettings().check_training(alone)
