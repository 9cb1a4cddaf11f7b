"""Rows -> runs: what one trial gave, in the units that are shown."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from foundry_bench.record import Role, TrialRecord
from foundry_bench.report.harvest import trial_id
from foundry_bench.report.measures import OF_DISTILLATION, Measure, find_measures

_NOT_A_SERIES = {"student.supertokens", "seed"}


@dataclass(frozen=True)
class Run:
    """One trial.

    Attributes:
        series: what connects runs that differ in SuperTokens and seed only.
        supertokens: None for the teacher.
        values: finite numbers by measure, scaled to the measure's unit.
    """

    trial: str
    role: Role
    status: str
    variant: str
    series: str
    supertokens: int | None
    seed: int
    values: Mapping[Measure, float] = field(default_factory=dict)


def measures_in(rows: pd.DataFrame) -> list[Measure]:
    """The results that `rows` speak of, in the order figures prefer them."""
    results = rows[rows["stage"] == "evaluate"]
    return find_measures(zip(results["task"], results["metric"], strict=True))


def collect_runs(rows: pd.DataFrame, series: Mapping[str, str]) -> list[Run]:
    """One run per trial of `rows` (of one sweep), in their order, with its finite numbers.

    Args:
        rows: as `tidy_rows` gives them.
        series: `trial_id` -> name of its series; the variant where it has none.
    """
    wanted = {
        (measure.task, measure.metric): measure
        for measure in (*OF_DISTILLATION, *measures_in(rows))
    }
    values: dict[str, dict[Measure, float]] = defaultdict(dict)
    for trial, task, metric, value in zip(
        rows["trial"], rows["task"], rows["metric"], rows["value"], strict=True
    ):
        measure = wanted.get((task, metric))
        if measure is not None and math.isfinite(value):
            values[trial][measure] = float(value) * measure.scale
    return [
        Run(
            line["trial"],
            line["role"],
            line["status"],
            line["variant"],
            series.get(f"{line['sweep']}/{line['trial']}", line["variant"]),
            None if pd.isna(line["supertokens"]) else int(line["supertokens"]),
            int(line["seed"]),
            values[line["trial"]],
        )
        for line in rows.drop_duplicates("trial").to_dict("records")
    ]


def not_finite(rows: pd.DataFrame) -> list[str]:
    """Which numbers of `rows` are not finite, a sentence each."""
    bad = rows[(rows["metric"] != "") & ~rows["value"].abs().lt(math.inf)]
    return [
        f"{metric} of trial {trial} is not finite; it is in rows.csv and in no figure."
        for trial, metric in zip(bad["trial"], bad["metric"], strict=True)
    ]


def name_series(trials: Sequence[TrialRecord]) -> dict[str, str]:
    """`trial_id` -> name of its series: the variant, and what else varies within it."""
    alike: dict[tuple[str, str, str], list[TrialRecord]] = defaultdict(list)
    for trial in trials:
        alike[trial.sweep, trial.role, trial.variant].append(trial)
    names = {}
    for several in alike.values():
        paths = sorted({path for trial in several for path in trial.varies} - _NOT_A_SERIES)
        telling = [
            path for path in paths if len({_short(trial.varies.get(path)) for trial in several}) > 1
        ]
        for trial in several:
            parts = [
                f"{path.rpartition('.')[2]} {_short(trial.varies[path])}"
                for path in telling
                if path in trial.varies
            ]
            names[trial_id(trial)] = ", ".join([trial.variant.replace("_", " "), *parts])
    return names


def _short(value: object) -> str:
    if isinstance(value, Mapping):
        return str(value.get("name", dict(value)))
    return str(value)
