"""Fronts -> tables: what each backbone costs, and the settings that a search found."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from foundry_bench.record import TrialRecord
from foundry_bench.report.costs import Costs
from foundry_bench.report.extra import Extra
from foundry_bench.report.figure_data import Line
from foundry_bench.report.fronts import Front
from foundry_bench.report.harvest import Evidence, SweepInfo
from foundry_bench.report.measures import Measure
from foundry_bench.report.runs import Run
from foundry_bench.report.stats import Interval, mean_interval
from foundry_bench.report.summary import Summary
from foundry_bench.report.tables import (
    further_axes,
    head,
    label_cells,
    label_line,
    mean_cell,
    order_groups,
)
from foundry_bench.report.typeset import Cell, Table
from foundry_bench.report.wording import mean_text, p_text


def tabulate_costs(summary: Summary, costs: Costs, fronts: Sequence[Front]) -> Extra | None:
    """A line a backbone: the preferred result, what it costs, and where it is on each front."""
    if not costs.measures or not summary.results:
        return None
    result, axes = summary.results[0], further_axes(summary)
    groups = [
        group
        for group in order_groups(summary)
        if any(group.by_seed.get(measure) for measure in costs.measures)
    ]
    header = ["variant", "role", "s", *(axis.symbol for axis in axes), head(result)]
    header += [head(measure) for measure in costs.measures]
    for front in fronts:
        header += [f"front: {front.cost.short}", "p"]
    rows, lines = [], []
    for group in groups:
        cells = [*label_cells(group, axes), mean_cell(group.interval(result), result)]
        cells += [_cost_cell(group.interval(measure), measure) for measure in costs.measures]
        line: Line = {**label_line(group, axes), result.slug: group.interval(result).mean}
        line |= {measure.slug: group.interval(measure).mean for measure in costs.measures}
        for front in fronts:
            point = next((each for each in front.points if each.group is group), None)
            place = None if point is None else front.number(point)
            p = math.nan if point is None else point.p
            cells += [
                Cell("" if place is None else str(place), math.nan if place is None else place),
                _p_cell(p, place),
            ]
            line |= {f"front_{front.cost.slug}": place, f"p_{front.cost.slug}": p}
        rows.append(tuple(cells))
        lines.append(line)
    caption = (
        "What each backbone costs, from records of foundry-bench profile; MACs are from patches to"
        " tokens, latencies from points to logits."
    )
    if fronts:
        caption += (
            " A number under a front is the place on it, from the cheapest. p is of the contrary"
            " of where a student stands: on the front, of being no better than one that costs no"
            " more (the cheapest stands there by its cost); off it, of being no worse than all of"
            " those (paired over seeds, Holm-corrected)."
        )
    elif len({group.setting.ground for group in groups if group.role != "anchor"}) > 1:
        caption += " No front: results on other data, or after other training, are not compared."
    table = Table(tuple(header), tuple(rows), caption)
    return Extra("costs", "Results and costs", (table,), tuple(lines))


def cost_text(interval: Interval, measure: Measure) -> str:
    """As results, but that a cost is the same for all seeds goes without saying."""
    if not interval.half > 0:
        interval = mean_interval([interval.mean] if interval.n else [])
    return mean_text(interval, measure.digits)


def _cost_cell(interval: Interval, measure: Measure) -> Cell:
    return Cell(cost_text(interval, measure), interval.mean)


def _p_cell(p: float, place: int | None) -> Cell:
    """Of the cheapest nothing was tested: who costs more cannot take its place."""
    return Cell("by cost" if p == 0 and place == 1 else p_text(p), p)


def is_search(info: SweepInfo) -> bool:
    """Whether the sweep's file has a `search`."""
    return bool(_sweep_file(info).get("search"))


def tabulate_search(
    evidence: Evidence, info: SweepInfo, runs: Sequence[Run], fronts: Sequence[Front]
) -> Extra | None:
    """The settings of the suggestions on each front, and what was stopped early; None for sweeps
    without a search.
    """
    if not is_search(info) or not fronts:
        return None
    paths = list(_sweep_file(info).get("axes", {}))
    trials = _first_trials(evidence, runs, fronts)
    tables = [_settings_table(front, paths, trials) for front in fronts]
    lines: list[Line] = [
        {
            "front": front.cost.slug,
            "place": front.number(point),
            **_settings(trials[point.name], paths),
            front.cost.slug: point.cost.mean,
            front.result.slug: point.result.mean,
        }
        for front in fronts
        for point in front.front
    ]
    pruned = [trial for trial in evidence.trials if trial.status == "pruned"]
    if pruned:
        tables.append(_pruned_table(pruned, paths))
        lines += [
            {"front": "stopped early", "trial": trial.trial, **_settings(trial, paths)}
            for trial in pruned
        ]
    return Extra("search", "Settings on the front", tuple(tables), tuple(lines))


def _first_trials(
    evidence: Evidence, runs: Sequence[Run], fronts: Sequence[Front]
) -> dict[str, TrialRecord]:
    """A trial of each student on a front: all of its seeds have the same settings."""
    trials = {trial.trial: trial for trial in evidence.trials}
    return {
        point.name: trials[run.trial]
        for front in fronts
        for point in front.front
        for run in runs
        if (run.role, run.series, run.level)
        == (point.group.role, point.group.setting, point.group.level)
    }


def _settings_table(front: Front, paths: Sequence[str], trials: Mapping[str, TrialRecord]) -> Table:
    rows = []
    for point in front.front:
        settings = _settings(trials[point.name], paths)
        rows.append(
            (
                Cell(str(front.number(point)), front.number(point) or 0),
                _cost_cell(point.cost, front.cost),
                mean_cell(point.result, front.result),
                *(_cell(settings[path]) for path in paths),
                _p_cell(point.p, front.number(point)),
            )
        )
    header = ("front", head(front.cost), head(front.result), *map(_short, paths), "p")
    caption = (
        f"The suggestions on the front of {front.result.label} against {front.cost.label}, and the"
        " settings that put them there. They were chosen by these numbers among"
        f" {len(front.points)}: compare them in a sweep with further seeds before you claim"
        " anything."
    )
    return Table(header, tuple(rows), caption, num_labels=0)


def _pruned_table(pruned: Sequence[TrialRecord], paths: Sequence[str]) -> Table:
    rows = [
        (Cell(trial.trial, trial.trial), *map(_cell, _settings(trial, paths).values()))
        for trial in pruned
    ]
    caption = "Trials that the scheduler stopped early: they have no result."
    return Table(("trial", *map(_short, paths)), tuple(rows), caption, num_labels=1)


def _settings(trial: TrialRecord, paths: Sequence[str]) -> dict[str, Any]:
    return {path: trial.varies.get(path, _at(trial.config, path)) for path in paths}


def _at(config: object, path: str) -> object:
    """What a trial's settings say at a dotted path; None if nothing."""
    for part in path.split("."):
        config = config.get(part) if isinstance(config, Mapping) else None
    return config


def _cell(value: Any) -> Cell:
    if isinstance(value, Mapping):
        value = value.get("name", dict(value))
    text = "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return Cell(text, float(value) if is_number else text)


def _short(path: str) -> str:
    return path.removesuffix(".name").rpartition(".")[2].replace("_", " ")


def _sweep_file(info: SweepInfo) -> Mapping[str, Any]:
    try:
        said = YAML(typ="safe", pure=True).load(info.yaml)
    except YAMLError:
        return {}
    return said if isinstance(said, Mapping) else {}
