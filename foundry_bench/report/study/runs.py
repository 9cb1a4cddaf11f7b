"""Rows -> runs: what one trial gave, in the units that are shown."""

import math
from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import pandas as pd

from foundry_bench.record import Role, TrialRecord
from foundry_bench.report.records.harvest import trial_id
from foundry_bench.report.study.levels import Level, varied_fields
from foundry_bench.report.study.measures import (
    ACTIVITY,
    AT_BUDGET,
    OF_DISTILLATION,
    Measure,
    find_details,
    find_measures,
)
from foundry_bench.report.study.series import Series

INFERENCE_ONLY = "inference_only"
"""The variant of what the main student of the largest budget gives at smaller ones, untrained."""

_COUNTS, _WEIGHTS = ("supertokens", "budget"), ("gate_lambda", "eps")

Number = tuple[float, str]
"""A number, and the key of its stage."""

_Numbers = dict[tuple[str, str], Number]
"""By task and metric."""


@dataclass(frozen=True)
class Loss:
    """What a distillation minimised; empty where nothing was distilled."""

    name: str = ""
    target_norm: str = ""


@dataclass(frozen=True)
class Run:
    """One trial.

    Attributes:
        series: what connects runs that differ in their level and seed only.
        level: where it stands on the axes; empty for the teacher.
        numbers: measure -> the finite number, scaled to the measure's unit, and the key of the
            stage that it comes from, which several runs may share.
    """

    trial: str
    role: Role
    status: str
    variant: str
    series: Series
    level: Level
    seed: int
    loss: Loss = Loss()
    numbers: Mapping[Measure, Number] = field(default_factory=dict)


def measures_in(rows: pd.DataFrame) -> list[Measure]:
    """The results that `rows` speak of, in the order figures prefer them."""
    return find_measures(_evaluated(rows))


def collect_runs(
    rows: pd.DataFrame, trials: Sequence[TrialRecord], series: Mapping[str, Series]
) -> list[Run]:
    """One run per trial of `rows` (of one sweep), in their order, with its finite numbers.

    What the main students of the largest budget give at other budgets without further training
    follows as runs of an ablation, `INFERENCE_ONLY`.

    Args:
        rows: as `tidy_rows` gives them.
        trials: those that the rows are of.
        series: `trial_id` -> its series; called as the variant where it has none.
    """
    results, details = measures_in(rows), find_details(_evaluated(rows))
    stage_keys = _stage_keys(trials)
    numbers: dict[str, _Numbers] = defaultdict(dict)
    columns = ("sweep", "trial", "stage", "task", "metric", "value")
    for sweep, trial, stage, task, metric, value in zip(
        *(rows[name] for name in columns), strict=True
    ):
        if math.isfinite(value):
            key = stage_keys.get((f"{sweep}/{trial}", stage, task), trial)
            numbers[trial][task, metric] = float(value), key
    runs = []
    for line in rows.drop_duplicates("trial").to_dict("records"):
        of_line = series.get(f"{line['sweep']}/{line['trial']}", Series(line["variant"]))
        runs.append(_run(line, of_line, numbers[line["trial"]], results, details))
    return _without_constants([*runs, *_inference_only(runs, numbers, results)])


def _evaluated(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """The pairs of task and metric that `rows` have."""
    results = rows[rows["stage"] == "evaluate"]
    return list(zip(results["task"], results["metric"], strict=True))


def _run(
    line: Mapping[Hashable, Any],
    series: Series,
    numbers: _Numbers,
    results: Sequence[Measure],
    details: Sequence[Measure],
) -> Run:
    measures = (*OF_DISTILLATION, *results, *details)
    places = {measure: (measure.task, measure.metric) for measure in measures}
    for measure in ACTIVITY:
        sources = [(task, measure.metric) for task in (*(each.task for each in results), "")]
        places[measure] = next((place for place in sources if place in numbers), sources[-1])
    given = {measure: numbers[place] for measure, place in places.items() if place in numbers}
    return Run(
        line["trial"],
        line["role"],
        line["status"],
        line["variant"],
        series,
        Level(
            *(None if pd.isna(line[name]) else int(line[name]) for name in _COUNTS),
            *(None if pd.isna(line[name]) else float(line[name]) for name in _WEIGHTS),
        ),
        int(line["seed"]),
        Loss(line["loss_name"], line["target_norm"]),
        _scaled(given),
    )


def _scaled(given: Mapping[Measure, Number]) -> dict[Measure, Number]:
    return {measure: (value * measure.scale, key) for measure, (value, key) in given.items()}


def _inference_only(
    runs: Sequence[Run], numbers: Mapping[str, _Numbers], results: Sequence[Measure]
) -> Iterator[Run]:
    """The runs at other budgets that the main runs of the largest one have beside their own."""
    largest: dict[Series, float] = defaultdict(float)
    main = [run for run in runs if run.role == "main"]
    for run in main:
        largest[run.series] = max(largest[run.series], run.level.budget or math.inf)
    for run in main:
        if (run.level.budget or math.inf) < largest[run.series]:
            continue
        found: dict[int, dict[Measure, Number]] = defaultdict(dict)
        for measure in results:
            for (task, metric), number in numbers[run.trial].items():
                base, _, said = metric.partition(AT_BUDGET)
                if (task, base) == (measure.task, measure.metric) and said.isdecimal():
                    found[int(said)][measure] = number
        name = INFERENCE_ONLY.replace("_", " ")
        named = replace(run.series, name=", ".join(filter(None, (name, run.series.detail))))
        for budget, given in sorted(found.items()):
            yield replace(
                run,
                role="ablation",
                variant=INFERENCE_ONLY,
                series=named,
                level=replace(run.level, budget=budget),
                numbers=_scaled(given),
            )


def _without_constants(runs: Sequence[Run]) -> list[Run]:
    """The runs with levels that only say what varies within a series."""
    levels: dict[Series, list[Level]] = defaultdict(list)
    for run in runs:
        levels[run.series].append(run.level)
    constant = {field.name for field in fields(Level)} - varied_fields(levels.values())
    return [replace(run, level=replace(run.level, **dict.fromkeys(constant))) for run in runs]


def _stage_keys(trials: Sequence[TrialRecord]) -> dict[tuple[str, str, str], str]:
    """(`trial_id`, kind of stage, task) -> the stage's key."""
    return {
        (trial_id(trial), use.stage, use.task or ""): use.key
        for trial in trials
        for use in trial.stages
    }
