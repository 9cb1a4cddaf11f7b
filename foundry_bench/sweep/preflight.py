"""What would end every trial of a kind, found before the first begins."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from foundry_bench.config.settings import NamedSettings, TeacherSettings
from foundry_bench.config.sweep import TrialConfig
from foundry_bench.data.loader import loader_of
from foundry_bench.errors import FoundryError
from foundry_bench.registries import STUDENTS
from foundry_bench.teachers.preset import patch_spec, teacher_source
from foundry_bench.teachers.teacher import Teacher


def check_inputs(trials: Sequence[TrialConfig]) -> None:
    """Do nothing if the teachers' weights fit, the students find in their teachers what they build
    on, and the datasets' clouds have points enough.

    Raises:
        FoundryError: all that does not go together, in one message.
    """
    teachers = {trial.teacher.model_dump_json(): trial.teacher for trial in trials}
    pairs = {
        (trial.data.model_dump_json(), trial.teacher.model_dump_json()): trial for trial in trials
    }
    found = [_weights_fault(teacher) for teacher in teachers.values()]
    for key, teacher in teachers.items():
        students = {
            trial.student.model_dump_json(): trial.student
            for trial in trials
            if trial.student is not None and trial.teacher.model_dump_json() == key
        }
        if students:
            found += _student_faults(teacher, students.values())
    found += [_points_fault(trial.data, trial.teacher) for trial in pairs.values()]
    faults = dict.fromkeys(fault for fault in found if fault is not None)
    if faults:
        raise FoundryError("\n  ".join(["no trial can begin:", *faults]))


def _weights_fault(teacher: TeacherSettings) -> str | None:
    source = teacher_source(teacher)
    try:
        if source.weights is not None:
            source.build()
    except FoundryError as error:
        return f"teacher.weights: {error}"
    return None


def _student_faults(
    settings: TeacherSettings, students: Iterable[NamedSettings]
) -> list[str | None]:
    """One teacher is enough for all: they copy what they keep of it."""
    try:
        teacher = replace(teacher_source(settings), weights=None).build()
    except (FoundryError, ValueError) as error:
        return [f"teacher '{settings.name}': {error}"]
    return [_student_fault(teacher, student) for student in students]


def _student_fault(teacher: Teacher, student: NamedSettings) -> str | None:
    try:
        STUDENTS.get(student.name)(teacher, student)  # type: ignore[arg-type]
    except (FoundryError, ValueError) as error:
        return f"student '{student.name}': {error}"
    return None


def _points_fault(data: NamedSettings, teacher: TeacherSettings) -> str | None:
    there, needed = loader_of(data).num_points(), patch_spec(teacher).points
    if there is None or there >= needed:
        return None
    return (
        f"data: the clouds of '{data.name}' have {there} points, "
        f"teacher '{teacher.name}' (preset {teacher.preset}) needs {needed}"
    )
