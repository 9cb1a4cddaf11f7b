"""Series: names of trials that differ only in their seed and their place on an axis."""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from foundry_bench.record import TrialRecord
from foundry_bench.results.axes import find_axes, value_at

LEVELS = ("supertokens", "budget", "gate_lambda")
"""Numbers of a student that vary along a figure's axis, so within a series."""

_VAGUE = ("count", "scale", "patches", "epochs", "batch", "lr")
"""Settings whose name needs that of their group."""

_NOT_A_SERIES = {"seed", *(f"student.{level}" for level in LEVELS)}


@dataclass(frozen=True)
class Series:
    """The name of a series, and the parts of it that decide what it is compared with.

    Each text names varied settings and their values; empty where nothing of its kind varies.

    Attributes:
        name: the variant, and what else varies within it.
        context: settings of teacher, data and training that baselines follow: a student is
            compared with the baseline of the same context.
        student: varied settings of the student.
        axes: varied settings of main students: an ablation is shown beside the same ones.
        ground: settings of data and training: students are ranked only within one ground.
    """

    name: str
    context: str = ""
    student: str = ""
    axes: str = ""
    ground: str = ""


def name_series(trials: Sequence[TrialRecord]) -> dict[tuple[str, str], Series]:
    """(sweep, trial) -> its series."""
    sweeps: dict[str, list[TrialRecord]] = defaultdict(list)
    for trial in trials:
        sweeps[trial.sweep].append(trial)
    return {
        (sweep, trial): series
        for sweep, several in sweeps.items()
        for trial, series in _of_sweep(_with_unnamed(several))
    }


def _with_unnamed(trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """`trials` whose `varies` also has settings that only tell two runs of the sweep apart.

    The same sweep may have run twice, with other epochs: such trials agree in all that varies.
    """
    twins: dict[str, list[TrialRecord]] = defaultdict(list)
    for trial in trials:
        twins[_text([trial.role, trial.variant, trial.varies, trial.seed])].append(trial)
    paths = {path for several in twins.values() for path in find_axes(several)}
    return [
        trial.model_copy(
            update={
                "varies": {**{path: value_at(trial.config, path) for path in paths}, **trial.varies}
            }
        )
        for trial in trials
    ]


def _of_sweep(trials: Sequence[TrialRecord]) -> list[tuple[str, Series]]:
    alike: dict[tuple[str, str], list[TrialRecord]] = defaultdict(list)
    for trial in trials:
        alike[trial.role, trial.variant].append(trial)
    varied = {pair: _varied(several) for pair, several in alike.items()}
    paths = {path for trial in trials for path in trial.varies} - _NOT_A_SERIES
    axes = {path for (role, _), found in varied.items() if role == "main" for path in found}
    of_baselines = {
        path for (role, _), found in varied.items() if role == "baseline" for path in found
    }
    context = {path for path in axes | of_baselines if _is_followed_by_baselines(path)}
    kinds = (
        context,
        {path for path in paths if f"{path}.".startswith("student.")},
        axes,
        {path for path in context if not f"{path}.".startswith("teacher.")},
    )
    words = _SettingWords(trials, paths)
    named = []
    for pair, several in alike.items():
        telling = _outermost(varied[pair] | context)
        own = _SettingWords(several, telling - context)
        for trial in several:
            details = [*own.of(trial, telling - context), *words.of(trial, telling & context)]
            name = ", ".join([trial.variant.replace("_", " "), *details])
            texts = (", ".join(words.of(trial, kind)) for kind in kinds)
            named.append((trial.trial, Series(name, *texts)))
    return named


def _outermost(paths: Collection[str]) -> set[str]:
    """`paths` without those inside another of them."""
    return {path for path in paths if not any(path.startswith(f"{other}.") for other in paths)}


def _is_followed_by_baselines(path: str) -> bool:
    # Baselines have no student of their own to vary, and are not distilled.
    return not f"{path}.".startswith(("student.", "train.distill."))


def _varied(trials: Sequence[TrialRecord]) -> set[str]:
    """Paths that have several values among `trials`."""
    paths = {path for trial in trials for path in trial.varies} - _NOT_A_SERIES
    return {path for path in paths if len({_text(_value(trial, path)) for trial in trials}) > 1}


class _SettingWords:
    """Varied settings in as few words as tell their values apart."""

    def __init__(self, trials: Sequence[TrialRecord], paths: Collection[str]) -> None:
        self._values = {path: [_value(trial, path) for trial in trials] for path in paths}

    def of(self, trial: TrialRecord, paths: Collection[str]) -> list[str]:
        """The settings of `trial` at `paths`, such as `assignment dso`, sorted by path."""
        return [
            f"{self._label(path)} {_word(_value(trial, path), self._values[path])}"
            for path in sorted(paths)
            if path in trial.varies
        ]

    def _label(self, path: str) -> str:
        """The last part of a path, with its group if it is vague; the path if it is ambiguous."""
        group, last = _ending(path)
        if [_ending(each)[1] for each in self._values].count(last) > 1:
            return path
        return (f"{group} {last}" if last in _VAGUE else last).replace("_", " ")


def _ending(path: str) -> tuple[str, str]:
    """The last two parts of a path without `.name`; the first is empty for a path of one part."""
    group, _, last = path.removesuffix(".name").rpartition(".")
    return group.rpartition(".")[2], last


def _value(trial: TrialRecord, path: str) -> Any:
    """The varied value at `path`; of a whole student the settings that make a series."""
    value = trial.varies.get(path)
    if path == "student" and isinstance(value, Mapping):
        return {key: each for key, each in value.items() if f"student.{key}" not in _NOT_A_SERIES}
    return value


def _word(value: Any, among: Sequence[Any]) -> str:
    """`value` in short; a mapping by its name and by what tells it from others of that name."""
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
