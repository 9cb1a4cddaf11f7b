"""A sweep as the trials it stands for."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from foundry_bench.config.faults import Fault, faults_of, render
from foundry_bench.config.fields import with_field
from foundry_bench.config.source import Source
from foundry_bench.config.sweep import Start, SweepConfig, TrialConfig
from foundry_bench.config.sweepcheck import impossible
from foundry_bench.config.variations import (
    Variation,
    anchors_of,
    axes_of,
    combinations,
    controls_of,
)
from foundry_bench.errors import FoundryError
from foundry_bench.record import Role
from foundry_bench.sweep.shares import shares

_NOT_IDENTITY = {"sweep", "role", "variant", "varies"}
_ANCHOR_STARTS: dict[str, Start] = {
    "teacher": "teacher",
    "not_distilled": "teacher",
    "scratch": "random",
}
_SCRATCH = {"train.finetune.trains": ["tokenizer", "encoder"]}


@dataclass(frozen=True)
class _Plan:
    """A trial before its seed: what makes it differ from the sweep's own settings."""

    role: Role
    variant: str
    changes: Mapping[str, Any]
    start: Start = "distilled"

    def __str__(self) -> str:
        changes = " ".join(f"{path}={value}" for path, value in self.changes.items())
        return f"{self.variant} {changes}".strip()


def expand(sweep: SweepConfig, cores: int | None = None, gpus: int = 0) -> list[TrialConfig]:
    """All trials of `sweep`: of its axes, anchors and controls; all of one seed before the next.

    Anchors follow the axes of teacher, data and training, not those of student and distillation,
    where the sweep's own value holds. Of trials that would compute the same the first stays.

    Args:
        sweep: as loaded.
        cores: CPU cores to divide; by default those that this process may use.
        gpus: CUDA devices to divide.

    Raises:
        FoundryError: all combinations that cannot run, in one message.
    """
    share = shares(sweep.resources, cores, gpus)
    values = sweep.model_dump(exclude_unset=True)
    common = {
        "sweep": sweep.name,
        "tasks": sweep.tasks,
        "device": share.device,
        "threads": share.threads,
    }
    trials: dict[str, TrialConfig] = {}
    faults: list[Fault] = []
    for plan in _plans(sweep, values):
        trial = _trial(plan, values, {**common, "seed": sweep.seeds[0]}, faults)
        if trial is not None:
            trials.setdefault(_identity(trial), trial)
    if faults:
        raise FoundryError(render(f"sweep {sweep.name}", faults, Source(sweep.name)))
    named = _with_varies(list(trials.values()), values)
    return [trial.model_copy(update={"seed": seed}) for seed in sweep.seeds for trial in named]


def trial_id(trial: TrialConfig) -> str:
    """A readable name that no other trial of its sweep has, such as `foundry-s4-seed0-1a2b3c4d`."""
    supertokens = getattr(trial.student, "supertokens", None)
    size = [] if supertokens is None else [f"s{supertokens}"]
    variant = re.sub(r"[^\w.]+", "_", trial.variant)
    return "-".join([variant, *size, f"seed{trial.seed}", _identity(trial)[:8]])


def _plans(sweep: SweepConfig, values: Mapping[str, Any]) -> Iterator[_Plan]:
    axes = axes_of(values)
    for changes in combinations(axes):
        yield _Plan("main", sweep.student.name, changes)
    shared = [axis for axis in axes if _changes_anchors(axis)]
    own = anchors_of(values)
    for name, start in _ANCHOR_STARTS.items():
        if getattr(sweep.anchors, name) is False:
            continue
        for around in combinations(shared):
            for changes in combinations(own.get(name, [])):
                usual = _SCRATCH if name == "scratch" else {}
                yield _Plan("anchor", name, {**usual, **around, **changes}, start)
    for name, variations in controls_of(values).items():
        for changes in combinations(variations):
            yield _Plan("control", name, changes)


def _changes_anchors(axis: Variation) -> bool:
    return not f"{axis.path}.".startswith(("student.", "train.distill."))


def _trial(
    plan: _Plan, values: Mapping[str, Any], common: Mapping[str, Any], faults: list[Fault]
) -> TrialConfig | None:
    """The trial of a plan, or None and its faults added to `faults`."""
    changed = dict(values)
    for path, value in plan.changes.items():
        changed = with_field(SweepConfig, changed, path, value)
    fields = {
        **common,
        "role": plan.role,
        "variant": plan.variant,
        "start": plan.start,
        "teacher": changed.get("teacher", {}),
        "student": None
        if (plan.role, plan.variant) == ("anchor", "teacher")
        else changed["student"],
        "data": changed["data"],
        "train": changed.get("train", {}),
    }
    try:
        trial = TrialConfig.model_validate(fields)
    except ValidationError as error:
        found = faults_of(error, TrialConfig, fields)
        faults += [Fault(fault.place, fault.message, str(plan)) for fault in found]
        return None
    message = impossible(trial.teacher, trial.student, trial.train)
    if message is not None:
        faults.append(Fault((), message, str(plan)))
        return None
    return trial


def _identity(trial: TrialConfig) -> str:
    """sha256 over all that decides the trial's numbers."""
    content = trial.model_dump(mode="json", exclude=_NOT_IDENTITY)
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _with_varies(trials: list[TrialConfig], values: Mapping[str, Any]) -> list[TrialConfig]:
    """`trials`, each with those of the sweep's varied fields that differ among them."""
    given = [*axes_of(values)]
    for variations in (*anchors_of(values).values(), *controls_of(values).values()):
        given += variations
    dumps = [trial.model_dump(mode="json") for trial in trials]
    columns = {
        path: column
        for path in dict.fromkeys(variation.path for variation in given)
        for column in [_column([_value_at(dump, path) for dump in dumps])]
        if len({json.dumps(value) for value in column if value is not None}) > 1
    }
    return [
        trial.model_copy(
            update={
                "varies": {
                    path: column[index]
                    for path, column in columns.items()
                    if column[index] is not None
                }
            }
        )
        for index, trial in enumerate(trials)
    ]


def _value_at(values: object, path: str) -> Any:
    """The value at a dotted path, None if there is none."""
    for key in path.split("."):
        values = values.get(key) if isinstance(values, Mapping) else None
    return values


def _column(found: list[Any]) -> list[Any]:
    """Values for a table: registered choices by name, where names tell them apart."""
    choices = [value for value in found if isinstance(value, Mapping) and "name" in value]
    names = {value["name"] for value in choices}
    if len(names) < len({json.dumps(value, sort_keys=True) for value in choices}):
        return found
    return [value["name"] if value in choices else value for value in found]
