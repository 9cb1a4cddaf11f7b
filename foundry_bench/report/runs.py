"""Rows -> runs: what one trial gave, in the units that are shown."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from foundry_bench.record import Role, TrialRecord
from foundry_bench.report.harvest import trial_id
from foundry_bench.report.measures import OF_DISTILLATION, Measure, find_measures
from foundry_bench.report.series import Series


@dataclass(frozen=True)
class Run:
    """One trial.

    Attributes:
        series: what connects runs that differ in SuperTokens and seed only.
        supertokens: None for the teacher.
        values: finite numbers by measure, scaled to the measure's unit.
        keys: the stage that each number comes from, which several runs may share.
    """

    trial: str
    role: Role
    status: str
    variant: str
    series: Series
    supertokens: int | None
    seed: int
    values: Mapping[Measure, float] = field(default_factory=dict)
    keys: Mapping[Measure, str] = field(default_factory=dict)


def measures_in(rows: pd.DataFrame) -> list[Measure]:
    """The results that `rows` speak of, in the order figures prefer them."""
    results = rows[rows["stage"] == "evaluate"]
    return find_measures(zip(results["task"], results["metric"], strict=True))


def collect_runs(
    rows: pd.DataFrame, trials: Sequence[TrialRecord], series: Mapping[str, Series]
) -> list[Run]:
    """One run per trial of `rows` (of one sweep), in their order, with its finite numbers.

    Args:
        rows: as `tidy_rows` gives them.
        trials: those that the rows are of.
        series: `trial_id` -> its series; called as the variant where it has none.
    """
    wanted = {
        (measure.task, measure.metric): measure
        for measure in (*OF_DISTILLATION, *measures_in(rows))
    }
    stage_keys = _stage_keys(trials)
    values: dict[str, dict[Measure, float]] = defaultdict(dict)
    keys: dict[str, dict[Measure, str]] = defaultdict(dict)
    columns = ("sweep", "trial", "stage", "task", "metric", "value")
    for sweep, trial, stage, task, metric, value in zip(
        *(rows[name] for name in columns), strict=True
    ):
        measure = wanted.get((task, metric))
        if measure is not None and math.isfinite(value):
            values[trial][measure] = float(value) * measure.scale
            keys[trial][measure] = stage_keys.get((f"{sweep}/{trial}", stage, task), trial)
    return [
        Run(
            line["trial"],
            line["role"],
            line["status"],
            line["variant"],
            series.get(f"{line['sweep']}/{line['trial']}", Series(line["variant"])),
            None if pd.isna(line["supertokens"]) else int(line["supertokens"]),
            int(line["seed"]),
            values[line["trial"]],
            keys[line["trial"]],
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


def _stage_keys(trials: Sequence[TrialRecord]) -> dict[tuple[str, str, str], str]:
    """(`trial_id`, kind of stage, task) -> the stage's key."""
    return {
        (trial_id(trial), use.stage, use.task or ""): use.key
        for trial in trials
        for use in trial.stages
    }
