"""What would end every trial of a kind, found before the first begins."""

from collections.abc import Sequence
from dataclasses import replace

from foundry_bench.config.settings import NamedSettings, TeacherSettings
from foundry_bench.config.sweep import TrialConfig
from foundry_bench.data.loader import loader_of
from foundry_bench.errors import FoundryError
from foundry_bench.registries import STUDENTS
from foundry_bench.teachers.preset import patch_spec, teacher_source


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
    students = {
        (trial.teacher.model_dump_json(), trial.student.name): (trial.teacher, trial.student)
        for trial in trials
        if trial.student is not None
    }
    found = [_weights_fault(teacher) for teacher in teachers.values()]
    found += [_student_fault(*pair) for pair in students.values()]
    found += [_points_fault(trial.data, trial.teacher) for trial in pairs.values()]
    faults = [fault for fault in found if fault is not None]
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


def _student_fault(teacher: TeacherSettings, student: NamedSettings) -> str | None:
    source = teacher_source(teacher)
    try:
        STUDENTS.get(student.name)(replace(source, weights=None).build(), student)  # type: ignore[arg-type]
    except FoundryError as error:
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
