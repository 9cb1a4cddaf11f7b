"""A sweep as the trials it stands for."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_jsonable_python

from foundry_bench.config.faults import Fault, faults_of, render
from foundry_bench.config.fields import with_field
from foundry_bench.config.source import Source
from foundry_bench.config.sweep import Init, SweepConfig, TrialConfig
from foundry_bench.config.sweepcheck import impossible
from foundry_bench.config.variations import (
    Variation,
    ablations_of,
    axes_of,
    baselines_of,
    combinations,
    ranges_of,
)
from foundry_bench.errors import FoundryError
from foundry_bench.precision import resolved
from foundry_bench.record import Role
from foundry_bench.sweep.shares import shares

_NOT_IDENTITY = {"sweep", "role", "variant", "varies"}
_BASELINE_INITS: dict[str, Init] = {
    "teacher": "teacher",
    "not_distilled": "teacher",
    "scratch": "random",
}
_SCRATCH = {"train.finetune.trainable": ["tokenizer", "encoder"]}


@dataclass(frozen=True)
class _Plan:
    """A trial before its seed: what makes it differ from the sweep's own settings."""

    role: Role
    variant: str
    changes: Mapping[str, Any]
    init: Init = "distilled"

    def __str__(self) -> str:
        changes = " ".join(f"{path}={value}" for path, value in self.changes.items())
        return f"{self.variant} {changes}".strip()


class Expansion:
    """The trials of `sweep`: those that are known, and those that a search suggests."""

    def __init__(self, sweep: SweepConfig, cores: int | None = None, gpus: int = 0) -> None:
        """Divides the machine among trials.

        Args:
            sweep: as loaded.
            cores: CPU cores to divide; by default those that this process may use.
            gpus: CUDA devices to divide.
        """
        share = shares(sweep.resources, cores, gpus)
        self.sweep = sweep
        self._values = sweep.model_dump(exclude_unset=True)
        self._common = {
            "sweep": sweep.name,
            "tasks": sweep.tasks,
            "device": share.device,
            "threads": share.threads,
            "seed": sweep.seeds[0],
        }

    def known(self) -> list[TrialConfig]:
        """All trials but those that a search suggests, all of one seed before the next.

        Of trials that would compute the same the first stays.

        Raises:
            FoundryError: all combinations that cannot run, in one message.
        """
        return self._of_all_seeds(list(self._fixed.values()))

    def suggested(self, changes: Mapping[str, Any]) -> list[TrialConfig] | None:
        """The trials that the search's choice `changes` (dotted path -> value) stands for, one a
        seed; None if it is one of the combinations that cannot run.
        """
        trial = self._trial(_Plan("main", self.sweep.student.name, changes), [])
        return None if trial is None else self._of_all_seeds([trial])

    @cached_property
    def corners(self) -> list[TrialConfig]:
        """A trial with each value of each axis of a search, and both ends of each range, beside the
        first of the others, as far as they can run; none without a search.

        Raises:
            FoundryError: if none can.
        """
        if self.sweep.search is None:
            return []
        axes = self._axes
        first = {axis.path: axis.values[0][1] for axis in axes}
        plans = (
            _Plan("main", self.sweep.student.name, {**first, axis.path: value})
            for axis in axes
            for _, value in axis.values
        )
        faults: list[Fault] = []
        found = [self._trial(plan, faults) for plan in plans]
        trials = {_identity(trial): trial for trial in found if trial is not None}
        if not trials:
            self._refuse(faults)
        return list(trials.values())

    @property
    def _axes(self) -> list[Variation]:
        return [*axes_of(self._values), *ranges_of(self._values)]

    @cached_property
    def _fixed(self) -> dict[str, TrialConfig]:
        faults: list[Fault] = []
        found: dict[str, TrialConfig] = {}
        for plan in _plans(self.sweep, self._values):
            trial = self._trial(plan, faults)
            if trial is not None:
                found.setdefault(_identity(trial), trial)
        self._refuse(faults)
        return found

    @cached_property
    def _columns(self) -> dict[str, bool]:
        given = self._axes
        for variations in (
            *baselines_of(self._values).values(),
            *ablations_of(self._values).values(),
        ):
            given += variations
        paths = dict.fromkeys(variation.path for variation in given)
        trials = (*self._fixed.values(), *self.corners)
        found = {path: [_value_at(trial, path) for trial in trials] for path in paths}
        return {path: _has_names(values) for path, values in found.items() if _differ(values)}

    def _refuse(self, faults: list[Fault]) -> None:
        if faults:
            raise FoundryError(render(f"sweep {self.sweep.name}", faults, Source(self.sweep.name)))

    def _of_all_seeds(self, trials: list[TrialConfig]) -> list[TrialConfig]:
        """`trials` with what they vary, all of one seed before the next."""
        varying = [
            trial.model_copy(update={"varies": _varies(trial, self._columns)}) for trial in trials
        ]
        return [
            trial.model_copy(update={"seed": seed})
            for seed in self.sweep.seeds
            for trial in varying
        ]

    def _trial(self, plan: _Plan, faults: list[Fault]) -> TrialConfig | None:
        return _trial(plan, self._values, self._common, faults)


def expand(sweep: SweepConfig, cores: int | None = None, gpus: int = 0) -> list[TrialConfig]:
    """The trials of `sweep` that are known: of its axes, unless it searches, its baselines and its
    ablations; all of one seed before the next.

    Baselines follow the axes of teacher, data and training, not those of student and distillation,
    nor ranges, where the sweep's own value holds.

    Raises:
        FoundryError: all combinations that cannot run, in one message.
    """
    return Expansion(sweep, cores, gpus).known()


def trial_id(trial: TrialConfig) -> str:
    """A readable name that no other trial of its sweep has, such as `foundry-s4-seed0-1a2b3c4d`."""
    supertokens = getattr(trial.student, "supertokens", None)
    size = [] if supertokens is None else [f"s{supertokens}"]
    variant = re.sub(r"[^\w.]+", "_", trial.variant)
    return "-".join([variant, *size, f"seed{trial.seed}", _identity(trial)[:8]])


def _plans(sweep: SweepConfig, values: Mapping[str, Any]) -> Iterator[_Plan]:
    axes = axes_of(values)
    for changes in combinations(axes) if sweep.search is None else ():
        yield _Plan("main", sweep.student.name, changes)
    shared = [axis for axis in axes if _changes_baselines(axis)]
    own = baselines_of(values)
    for name, init in _BASELINE_INITS.items():
        if getattr(sweep.baselines, name) is False:
            continue
        for around in combinations(shared):
            for changes in combinations(own.get(name, [])):
                usual = _SCRATCH if name == "scratch" else {}
                yield _Plan("baseline", name, {**usual, **around, **changes}, init)
    for name, variations in ablations_of(values).items():
        for changes in combinations(variations):
            yield _Plan("ablation", name, changes)


def _changes_baselines(axis: Variation) -> bool:
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
        "init": plan.init,
        "teacher": changed.get("teacher", {}),
        "student": None
        if (plan.role, plan.variant) == ("baseline", "teacher")
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
    return resolved(trial)


def _identity(trial: TrialConfig) -> str:
    """sha256 over all that decides the trial's numbers."""
    content = trial.model_dump(mode="json", exclude=_NOT_IDENTITY)
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _varies(trial: TrialConfig, columns: Mapping[str, bool]) -> dict[str, Any]:
    """The values of `trial` in `columns`: dotted path -> whether choices go by their names."""
    found = {path: (_value_at(trial, path), named) for path, named in columns.items()}
    return {
        path: value["name"] if named and _is_choice(value) else value
        for path, (value, named) in found.items()
        if value is not None
    }


def _value_at(trial: TrialConfig, path: str) -> Any:
    """The value at a dotted path as JSON has it, None if there is none.

    A dump of the whole trial would lack settings that dumps leave out at their default.
    """
    value: object = trial
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else getattr(value, key, None)
    return to_jsonable_python(value)


def _differ(found: list[Any]) -> bool:
    return len({json.dumps(value, sort_keys=True) for value in found if value is not None}) > 1


def _has_names(found: list[Any]) -> bool:
    """Whether the names of registered choices tell them apart."""
    choices = [value for value in found if _is_choice(value)]
    names = {value["name"] for value in choices}
    return len(names) == len({json.dumps(value, sort_keys=True) for value in choices})


def _is_choice(value: object) -> bool:
    return isinstance(value, Mapping) and "name" in value
