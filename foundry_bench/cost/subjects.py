"""What is profiled: a teacher, or one of its students as it was drawn or distilled."""

from dataclasses import dataclass
from typing import Any

from foundry_bench.cost.distilled import Distilled
from foundry_bench.models.backbone import Backbone
from foundry_bench.registries import STUDENTS
from foundry_bench.seeds import seeded
from foundry_bench.students.student import Student, StudentSettings
from foundry_bench.teachers.loading import load_weights
from foundry_bench.teachers.preset import TeacherSource
from foundry_bench.teachers.teacher import Teacher


@dataclass(frozen=True)
class Subject:
    """One model.

    Attributes:
        settings: the student's; None: the teacher.
        distilled: where its weights are from; None: as they were drawn.
    """

    settings: StudentSettings | None
    distilled: Distilled | None = None

    @property
    def name(self) -> str:
        """What to call it in a message: the student's name and its sizes."""
        if self.settings is None:
            return "teacher"
        fields = {"supertokens": "s", "budget": "budget"}
        given = ((word, getattr(self.settings, field, None)) for field, word in fields.items())
        sizes = [f"{word}={number}" for word, number in given if number is not None]
        return " ".join([self.settings.name, *sizes])

    def build(self, teacher: Teacher) -> Backbone:
        """The model in eval mode; `teacher` itself if it is that one."""
        if self.settings is None:
            return teacher.eval()
        return student_of(teacher, self.settings, self.distilled).eval()

    def config(self, source: TeacherSource) -> dict[str, Any]:
        """What a record says of it."""
        said: dict[str, Any] = {
            "teacher": source.architecture.model_dump(mode="json"),
            "student": None if self.settings is None else self.settings.model_dump(mode="json"),
        }
        if self.settings is not None:
            said["versions"] = STUDENTS.get(self.settings.name).versions(self.settings)
        return said

    def fingerprints(self, source: TeacherSource) -> dict[str, str]:
        """Of the weights."""
        distilled = {} if self.distilled is None else {"distill": self.distilled.key}
        return {"teacher": source.fingerprint, **distilled}


def student_of(teacher: Teacher, settings: StudentSettings, distilled: Distilled | None) -> Student:
    """A student of `teacher`, ready for use."""
    with seeded(0, "init", "student"):
        student = STUDENTS.get(settings.name)(teacher, settings)
    if distilled is not None:
        load_weights(student, distilled.weights)
        student.anneal(1.0)
    student.settle(teacher)
    return student
