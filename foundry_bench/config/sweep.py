"""A sweep file, and the trials it stands for, as settings."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from foundry_bench.config.registered import DataField, StudentField
from foundry_bench.config.search import Axis, SearchSettings
from foundry_bench.config.settings import (
    ResourceSettings,
    Seed,
    Seq,
    Settings,
    TeacherSettings,
    TrainSettings,
)
from foundry_bench.config.tasks import TaskField, TaskSettings
from foundry_bench.record import Role

Init = Literal["distilled", "teacher", "random"]
Overrides = dict[str, Any]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
SECTIONS = ("profile", "scenes")
"""Names that a report has for sections and folders of its own."""


class Baselines(Settings):
    """What every figure shows beside the students: `true`, `false`, or settings of their own."""

    teacher: bool | Overrides = True
    """The teacher itself: the best that a student of it can hope for."""
    not_distilled: bool | Overrides = True
    """The student with the teacher's weights, never distilled."""
    scratch: bool | Overrides = True
    """The student with random weights, never distilled; its tokenizer trains with the task."""


class SweepConfig(Settings):
    """A sweep file: a question, one resolved setting of everything, and the axes that vary."""

    name: Name
    """Names the output folder `runs/<name>` and the report."""
    question: str
    """What the sweep is to answer, in a sentence; the report prints it."""
    teacher: TeacherSettings = TeacherSettings()
    student: StudentField
    data: DataField
    tasks: Seq[TaskField] = Field(min_length=1)
    axes: dict[str, Axis] = {}
    """Dotted path of a field -> the values it takes; all combinations run, or those that `search`
    suggests.
    """
    search: SearchSettings | None = None
    """How to choose among the combinations; null: all run."""
    seeds: Seq[Seed] = Field((0, 1, 2), min_length=1)
    train: TrainSettings = TrainSettings()
    resources: ResourceSettings = ResourceSettings()
    keep_weights: Literal["all", "front", "none"] = "all"
    """Whose weights stay once all trials have ended; records always do. `front`: of the students
    that no other beats in a task's result without costing more MACs. What other sweeps in the store
    refer to stays, too.
    """
    baselines: Baselines = Baselines()
    ablations: dict[Name, Overrides] = {}
    """Name -> dotted path -> value, or list of values: variants that test the method."""

    @field_validator("name")
    @classmethod
    def _no_section(cls, name: str) -> str:
        if name in SECTIONS:
            raise ValueError(
                f"'{name}' is what reports call a section of their own; choose another"
            )
        return name

    @model_validator(mode="after")
    def _variants_differ(self) -> "SweepConfig":
        taken = {self.student.name, *Baselines.model_fields}
        for name in self.ablations:
            if name in taken:
                raise ValueError(
                    f"ablations.{name}: an ablation needs a name that nothing else has"
                )
        return self

    @field_validator("tasks")
    @classmethod
    def _tasks_differ(cls, tasks: tuple[TaskSettings, ...]) -> tuple[TaskSettings, ...]:
        names = [task.key for task in tasks]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(
                f"'{twice}' is given twice; its numbers go by that name: give one of them a `label`"
            )
        return tasks

    @field_validator("seeds")
    @classmethod
    def _seeds_differ(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) != len(seeds):
            raise ValueError(f"seeds must be different numbers, not {list(seeds)}")
        return seeds


class TrialConfig(Settings):
    """One teacher, one student variant, one seed, its tasks: all that decides its numbers."""

    sweep: str
    role: Role = "main"
    variant: str
    """What the figures call it."""
    init: Init = "distilled"
    """What the student's weights are when the tasks get it."""
    teacher: TeacherSettings
    student: StudentField | None
    """None: the teacher itself is the backbone."""
    data: DataField
    tasks: Seq[TaskField]
    seed: Seed
    train: TrainSettings
    device: Literal["cpu", "cuda"] = "cpu"
    threads: int = Field(1, ge=1)
    varies: dict[str, Any] = {}
    """What differs from the sweep's other trials, for tables."""
