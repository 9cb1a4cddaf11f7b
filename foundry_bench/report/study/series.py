"""Trials -> series: which runs belong together, and what each may be compared with."""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from foundry_bench.record import TrialRecord
from foundry_bench.report.records.harvest import trial_id
from foundry_bench.report.study.levels import AXES

_VAGUE = ("count", "scale", "patches", "epochs", "batch", "lr")
"""Settings that do not say what they are of; their group does."""

_NOT_A_SERIES = {"seed", *(f"student.{axis.name}" for axis in AXES)}


@dataclass(frozen=True)
class Series:
    """What a trial is beside its seed and its place on the axes.

    Each text names settings and their values, and is empty where nothing of its kind varies.

    Attributes:
        name: the variant, and what else varies within it.
        context: the axes of teacher, data and training, which baselines follow: a student and a
            baseline are compared only if it is the same.
        student: all that varies of the student: the same for the same student.
        axes: what varies among the main students: an ablation stands beside those with the same.
        ground: the axes of data and training: only with the same are results of different students,
            or of different teachers' students, answers to one question.
    """

    name: str
    context: str = ""
    student: str = ""
    axes: str = ""
    ground: str = ""

    @property
    def detail(self) -> str:
        """The name without the variant."""
        return self.name.partition(", ")[2]


def name_series(trials: Sequence[TrialRecord]) -> dict[str, Series]:
    """`trial_id` -> its series."""
    sweeps: dict[str, list[TrialRecord]] = defaultdict(list)
    for trial in trials:
        sweeps[trial.sweep].append(trial)
    return {name: found for several in sweeps.values() for name, found in _of_sweep(several)}


def _of_sweep(trials: Sequence[TrialRecord]) -> list[tuple[str, Series]]:
    alike: dict[tuple[str, str], list[TrialRecord]] = defaultdict(list)
    for trial in trials:
        alike[trial.role, trial.variant].append(trial)
    varied = {pair: _varied(several) for pair, several in alike.items()}
    paths = {path for trial in trials for path in trial.varies} - _NOT_A_SERIES
    axes = {path for (role, _), found in varied.items() if role == "main" for path in found}
    followed = axes | {
        path for (role, _), found in varied.items() if role == "baseline" for path in found
    }
    shared = {path for path in followed if _is_shared(path)}
    ground = {path for path in shared if not f"{path}.".startswith("teacher.")}
    of_student = {path for path in paths if f"{path}.".startswith("student.")}
    words = _Words(trials, paths)
    named = []
    for pair, several in alike.items():
        telling = _outermost(varied[pair] | shared)
        own = _Words(several, telling - shared)
        for trial in several:
            details = [*own.of(trial, telling - shared), *words.of(trial, telling & shared)]
            kinds = (
                ", ".join(words.of(trial, kind)) for kind in (shared, of_student, axes, ground)
            )
            name = ", ".join([trial.variant.replace("_", " "), *details])
            named.append((trial_id(trial), Series(name, *kinds)))
    return named


def _outermost(paths: Collection[str]) -> set[str]:
    """`paths` without those inside of another."""
    return {path for path in paths if not any(path.startswith(f"{other}.") for other in paths)}


def _is_shared(path: str) -> bool:
    """Whether baselines follow an axis: what is neither the student's nor of distillation."""
    return not f"{path}.".startswith(("student.", "train.distill."))


def _varied(trials: Sequence[TrialRecord]) -> set[str]:
    """The paths that have several values among `trials`."""
    paths = {path for trial in trials for path in trial.varies} - _NOT_A_SERIES
    return {path for path in paths if len({_text(_value(trial, path)) for trial in trials}) > 1}


class _Words:
    """Settings in words that tell the values apart which a sweep gives them."""

    def __init__(self, trials: Sequence[TrialRecord], paths: Collection[str]) -> None:
        self._values = {path: [_value(trial, path) for trial in trials] for path in paths}

    def of(self, trial: TrialRecord, paths: Collection[str]) -> list[str]:
        """The settings of `trial` at `paths`, such as `assignment dso`, in order."""
        return [
            f"{self._label(path)} {_word(_value(trial, path), self._values[path])}"
            for path in sorted(paths)
            if path in trial.varies
        ]

    def _label(self, path: str) -> str:
        """The last part of a path, after its group where it is vague, if no other ends in it; a
        choice goes by what is chosen.
        """
        group, last = _ending(path)
        if [_ending(each)[1] for each in self._values].count(last) > 1:
            return path
        return (f"{group} {last}" if last in _VAGUE else last).replace("_", " ")


def _ending(path: str) -> tuple[str, str]:
    """The last two parts of a path, the first of them empty where there is one alone."""
    group, _, last = path.removesuffix(".name").rpartition(".")
    return group.rpartition(".")[2], last


def _value(trial: TrialRecord, path: str) -> Any:
    """The varied value at `path`; a whole student without what makes no series."""
    value = trial.varies.get(path)
    if path == "student" and isinstance(value, Mapping):
        return {key: each for key, each in value.items() if f"student.{key}" not in _NOT_A_SERIES}
    return value


def _word(value: Any, among: Sequence[Any]) -> str:
    """`value` in short; a mapping by its name, and by what else differs from its namesakes."""
    if not isinstance(value, Mapping):
        return str(value)
    namesakes = [
        other
        for other in among
        if isinstance(other, Mapping) and other.get("name") == value.get("name")
    ]
    keys = sorted({key for other in namesakes for key in other})
    telling = [
        f"{key.replace('_', ' ')} {_word(value.get(key), [other.get(key) for other in namesakes])}"
        for key in keys
        if len({_text(other.get(key)) for other in namesakes}) > 1
    ]
    name = str(value.get("name", ""))
    return f"{name} ({', '.join(telling)})".strip() if telling else name or str(dict(value))


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
