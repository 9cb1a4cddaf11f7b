"""What would end every trial of a kind, found before the first begins."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from foundry_bench.config.settings import NamedSettings, TeacherSettings
from foundry_bench.config.sweep import TrialConfig
from foundry_bench.config.tasks import TaskSettings
from foundry_bench.data.loader import loader_of
from foundry_bench.errors import FoundryError
from foundry_bench.registries import STUDENTS, TASKS
from foundry_bench.students.specialist import SpecialistSettings
from foundry_bench.tasks.few_shot import FewShotSettings
from foundry_bench.tasks.part_segmentation import PartSegmentationSettings
from foundry_bench.teachers.preset import architecture, patch_spec, teacher_source
from foundry_bench.teachers.teacher import Teacher


def check_inputs(trials: Sequence[TrialConfig]) -> None:
    """Do nothing if the teachers' weights fit, the students find in their teachers what they build
    on, and the datasets' clouds have points enough.

    Raises:
        FoundryError: all that does not go together, in one message.
    """
    teachers = {trial.teacher.model_dump_json(): trial.teacher for trial in trials}
    found = [_weights_fault(teacher) for teacher in teachers.values()]
    for key, teacher in teachers.items():
        students = {
            trial.student.model_dump_json(): trial.student
            for trial in trials
            if trial.student is not None and trial.teacher.model_dump_json() == key
        }
        if students:
            found += _student_faults(teacher, students.values())
    found += [fault for trial in _without_seeds(trials) for fault in _data_faults(trial)]
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


def _without_seeds(trials: Sequence[TrialConfig]) -> Iterable[TrialConfig]:
    """Trials without those that ask nothing new of any dataset or geometry."""
    return {
        (
            trial.teacher.model_dump_json(),
            trial.student.model_dump_json() if trial.student is not None else "",
            trial.data.model_dump_json(),
            *(task.model_dump_json() for task in trial.tasks),
        ): trial
        for trial in trials
    }.values()


def _data_faults(trial: TrialConfig) -> Iterator[str | None]:
    usual = patch_spec(trial.teacher)
    teacher = f"teacher '{trial.teacher.name}' (preset {trial.teacher.preset})"
    yield _points_fault("data", trial.data, usual.points, teacher)
    if isinstance(trial.student, SpecialistSettings):
        word = trial.student.task
        learned: TaskSettings = TASKS.get(word).Settings(name=word)
        yield _kind_fault("student", learned, trial.data)
    for task in trial.tasks:
        data, own = task.data or trial.data, task.geometry
        where = "data" if task.data is None else f"task {task.key}: data"
        if own is None:
            yield _points_fault(where, data, usual.points, teacher)
        else:
            yield _points_fault(where, data, own.points, f"task '{task.key}' (geometry)")
            yield _geometry_fault(task.key, own.patches, trial)
        if isinstance(task, PartSegmentationSettings) and task.points is not None:
            yield _points_fault(where, data, task.points, f"task '{task.key}' (points)")
        yield _kind_fault(where, task, data)
        yield _folds_fault(where, task, data)


def _points_fault(where: str, data: NamedSettings, needed: int, by: str) -> str | None:
    there = loader_of(data).num_points()
    if there is None or there >= needed:
        return None
    return f"{where}: the clouds of '{data.name}' have {there} points, {by} needs {needed}"


def _kind_fault(where: str, task: TaskSettings, data: NamedSettings) -> str | None:
    asks = TASKS.get(task.name).asks
    if asks != "parts" or loader_of(data).has_parts() is not False:
        return None
    return (
        f"{where}: task '{task.key}' asks for the parts of points, which '{data.name}' does not "
        "have as it is set"
    )


def _folds_fault(where: str, task: TaskSettings, data: NamedSettings) -> str | None:
    published = loader_of(data).folds_of()
    if not isinstance(task, FewShotSettings) or published is None:
        return None
    if published == (task.way, task.shot):
        return None
    way, shot = published
    return (
        f"{where}: task '{task.key}' asks for {task.way} classes and {task.shot} shots, the folds "
        f"of '{data.name}' have {way} and {shot}: set `way` and `shot` of both alike"
    )


def _geometry_fault(task: str, patches: int, trial: TrialConfig) -> str | None:
    check = getattr(trial.student, "check", None)
    if check is None:
        return None
    try:
        check(patches, architecture(trial.teacher).depth)
    except ValueError as error:
        return f"task {task}: geometry: {error}"
    return None
