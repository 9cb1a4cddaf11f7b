"""Settings of tasks: what is asked of a backbone, on which clouds, after which training.

A task may be named by its word in the registry or by a preset, a file in `experiments/tasks/` that
holds a task with its dataset, its recipe and a version.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from foundry_bench.config.registered import DataField, Registered
from foundry_bench.config.settings import (
    FinetuneSettings,
    Geometry,
    NamedSettings,
    OptimizerSettings,
    ViewSettings,
    later,
)
from foundry_bench.config.source import parse_file
from foundry_bench.errors import FoundryError
from foundry_bench.registries import TASKS
from foundry_bench.registry import unknown
from foundry_bench.resources import shipped

SMOKE_BATCH, SMOKE_STEPS = 2, 2
"""The smallest batch that a batch norm trains on, and steps of the optimiser."""

S = TypeVar("S", bound=OptimizerSettings)


class TaskSettings(NamedSettings):
    """The base of every task's settings."""

    label: str | None = Field(None, pattern=r"^[a-z0-9][a-z0-9_-]*$")
    """The word that its numbers go by; null: the task's own, or that of the preset."""
    data: DataField | None = None
    """The clouds it is asked of; null: those of the sweep, which students are distilled on."""
    geometry: Geometry | None = None
    """How its clouds are cut into patches; null: as those that the teacher's preset is for."""
    preset: str | None = None
    """Name and version of the file in experiments/tasks/ that it was made from."""

    @property
    def key(self) -> str:
        """The word that its numbers go by: no two tasks of a trial have the same."""
        return self.label or self.usual_label

    @property
    def usual_label(self) -> str:
        """`key` where no label is given."""
        return self.name

    def smoke(self) -> Self:
        """The same task in its smallest form, for a run of two steps; of token budgets at which it
        measures, the ends.
        """
        changes: dict[str, Any] = {}
        if shrink := getattr(self.data, "smoke", None):
            changes["data"] = shrink()
        if budgets := getattr(self, "budgets", ()):
            changes["budgets"] = tuple(sorted({min(budgets), max(budgets)}))
        return self.model_copy(update=changes)


class TrainedTaskSettings(TaskSettings):
    """Settings of a task that trains the backbone."""

    views: ViewSettings | None = None
    """How its clouds are augmented; null: as `train.views` of the sweep says."""
    finetune: FinetuneSettings | None = None
    """Its schedule; null: `train.finetune` of the sweep."""
    protocol: Literal["suite", "literature"] = "suite"
    """`literature`: the best epoch on the test set is reported too, in a number of its own, and
    settings that are null follow the published code (docs/protocols.md).
    """
    test_points: Literal["first", "farthest"] | None = later(None)
    """Points of a test cloud that has more than the backbone takes: its first, or the farthest from
    each other; null: `first`, and `farthest` under `protocol: literature`.
    """

    @property
    def takes_farthest_points(self) -> bool:
        """Whether the points of test clouds are chosen by FPS."""
        if self.test_points is None:
            return self.protocol == "literature"
        return self.test_points == "farthest"

    def smoke(self) -> Self:
        """One epoch of a few steps of small batches."""
        small = super().smoke()
        if small.finetune is None:
            return small
        return small.model_copy(update={"finetune": short(small.finetune)})


def short(schedule: S) -> S:
    """One epoch of a few steps of small batches."""
    batch = min(schedule.batch, SMOKE_BATCH)
    return schedule.model_copy(update={"epochs": 1, "batch": batch, "steps_per_epoch": SMOKE_STEPS})


@dataclass(frozen=True)
class RegisteredTask(Registered):
    """A field that holds a task's settings; it may be given by a preset."""

    def settings_class(self, name: str) -> type[NamedSettings]:
        """As of every registry, and derived from `TaskSettings`."""
        found = super().settings_class(name)
        if not issubclass(found, TaskSettings):
            raise FoundryError(f"task '{name}' has `Settings` that do not derive from TaskSettings")
        return found

    def validate(self, value: object) -> NamedSettings:
        """`value` as settings with its label, and with what it leaves out from its preset if it
        names one.
        """
        try:
            settings = super().validate(_expanded(value))
        except FoundryError as error:
            raise PydanticCustomError("unknown_name", "{reason}", {"reason": str(error)}) from error
        assert isinstance(settings, TaskSettings)
        return settings if settings.label else settings.model_copy(update={"label": settings.key})

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """A preset's name stands for a task, alone or as `preset`, which makes up for `name`."""
        names, *choices = super().__get_pydantic_json_schema__(schema, handler)["anyOf"]
        presets = {"enum": preset_names()}
        by_preset = {"properties": {"preset": presets}, "required": ["preset"]}
        either = [{"required": ["name"]}, by_preset]
        tasks = [
            {"allOf": choice["allOf"], "properties": choice["properties"], "anyOf": either}
            for choice in choices
        ]
        return {"anyOf": [names, presets, *tasks]}


TaskField = Annotated[TaskSettings, RegisteredTask(TASKS)]


def preset_names() -> list[str]:
    """The presets that ship."""
    return sorted(path.stem for path in shipped("experiments/tasks").glob("*.yaml"))


def read_preset(name: str) -> dict[str, Any]:
    """The fields that a preset gives, its name and version as `preset` among them.

    Raises:
        FoundryError: if there is none of that name, or the file is no mapping with a version.
    """
    if name not in preset_names():
        raise FoundryError(unknown("preset of a task", name, preset_names()))
    path: Path = shipped("experiments/tasks") / f"{name}.yaml"
    values = parse_file(path).value
    if not isinstance(values, dict) or not isinstance(values.get("version"), int):
        raise FoundryError(f"{path}: a preset is a mapping with a whole number as `version`")
    version = values.pop("version")
    return {"label": name, **values, "preset": f"{name}/{version}"}


def _expanded(value: object) -> object:
    """`value` laid over its preset. Settings that were saved have all fields, and the preset's
    version.
    """
    if isinstance(value, str) and value not in TASKS:
        if value not in preset_names():
            raise FoundryError(unknown("task", value, [*TASKS, *preset_names()]))
        return read_preset(value)
    preset = value.get("preset") if isinstance(value, Mapping) else None
    if not isinstance(value, Mapping) or not isinstance(preset, str):
        return value
    if "/" in preset and "name" in value:
        return value
    given = {key: inner for key, inner in value.items() if key != "preset"}
    base = read_preset(preset)
    if given.get("name", base["name"]) != base["name"]:
        raise FoundryError(
            f"preset '{preset}' is of the task '{base['name']}', not of '{given['name']}'"
        )
    return _laid_over(given, base)


def _laid_over(given: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the fields that `given` has; nested settings of the same class are joined."""
    joined = dict(base)
    for key, value in given.items():
        joined[key] = value
        below = base.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            own = below.get("name")
            if value.get("name", own) == own:
                joined[key] = _laid_over(value, below)
    return joined
