"""What records are of, to be held against what a claim speaks of."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from foundry_bench.config.source import parse_file
from foundry_bench.errors import FoundryError
from foundry_bench.record import Record
from foundry_bench.report.claims.settings import Scope, TeacherScope
from foundry_bench.report.records.harvest import settings_of
from foundry_bench.report.records.task_data import name_data_set, name_task_data
from foundry_bench.report.study.measures import Measure
from foundry_bench.report.study.study import Study
from foundry_bench.report.study.summary import Group
from foundry_bench.resources import shipped

_SIZES = {"width": "wide", "depth": "blocks", "patches": "patches", "patch_size": "points a patch"}


@dataclass(frozen=True)
class Place:
    """What a comparison is of.

    Attributes:
        sweep: its name; empty for what belongs to none.
        teacher: name and architecture, as far as known; empty if its weights are random.
        called: the teacher in words.
        data: the data set of the task; empty where there is no task.
        device: kind of device; empty where it does not matter.
    """

    sweep: str
    teacher: Mapping[str, Any]
    called: str
    distilled_on: str = ""
    data: str = ""
    device: str = ""

    @property
    def text(self) -> str:
        """In words, such as `point_jepa/tiny on shapes`."""
        return describe_places([self])


def describe_places(places: Iterable[Place]) -> str:
    """Each teacher once, with its data sets, such as `point_jepa/tiny on shapes, db69`."""
    found: dict[str, dict[str, None]] = {}
    for place in places:
        found.setdefault(place.called, {})[place.data or place.distilled_on] = None
    told = [(called, ", ".join(filter(None, data))) for called, data in found.items()]
    return "; ".join(f"{called} on {data}" if data else called for called, data in told)


def is_in(place: Place, scope: Scope) -> bool:
    """Whether `scope` covers `place`."""
    return (
        (scope.teacher is None or _is_meant(place.teacher, scope.teacher))
        and (not scope.distilled_on or place.distilled_on in scope.distilled_on)
        and (not scope.data or place.data in scope.data)
        and (scope.device is None or place.device == scope.device)
    )


def place_of(study: Study, group: Group, measure: Measure) -> Place:
    """What the numbers of `group` are of."""
    trial = study.trial_of(study.runs_of(group, measure)[0])
    teacher = settings_of(trial.config, "teacher")
    name, preset = str(teacher.get("name", "")), str(teacher.get("preset", ""))
    is_random = teacher.get("weights") == "random"
    distilled_on = name_data_set(trial.config.get("data"))
    return Place(
        study.name,
        {} if is_random else {**_architecture(name, preset), **teacher},
        "/".join(filter(None, (name, preset))) + (" with random weights" if is_random else ""),
        distilled_on,
        name_task_data(trial, measure.task) if measure.task else distilled_on,
    )


def place_of_profile(record: Record) -> Place:
    """What a record of `foundry-bench profile` is of."""
    known = settings_of(record.config, "teacher")
    size = ", ".join(f"{known[key]} {words}" for key, words in _SIZES.items() if key in known)
    called = f"{known.get('name', '')} ({size})" if size else str(known.get("name", ""))
    return Place("", known, called, device=_device(record))


def _device(record: Record) -> str:
    """The kind of device: what was asked for, which need not be the best that the machine has."""
    asked = record.config.get("device")
    return asked.partition(":")[0] if isinstance(asked, str) else str(record.device.get("kind", ""))


def _is_meant(teacher: Mapping[str, Any], scope: TeacherScope) -> bool:
    wanted = {
        key: value
        for key, value in scope.model_dump(exclude={"patches"}).items()
        if value is not None
    }
    return (
        bool(teacher)
        and all(teacher.get(key) == value for key, value in wanted.items())
        and (not scope.patches or teacher.get("patches") in scope.patches)
    )


@lru_cache
def _architecture(name: str, preset: str) -> Mapping[str, Any]:
    """The settings of a shipped preset; empty for any other."""
    known = {path.name: path for path in shipped("experiments/teachers").glob("*.yaml")}
    path = known.get(f"{name}_{preset}.yaml")
    if path is None:
        return {}
    try:
        value = parse_file(path).value
    except FoundryError:
        return {}
    return settings_of(value, "architecture") if isinstance(value, Mapping) else {}
