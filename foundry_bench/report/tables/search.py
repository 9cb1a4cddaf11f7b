"""The settings that a search found, and what it stopped early."""

from collections.abc import Mapping, Sequence
from typing import Any

from foundry_bench.record import TrialRecord
from foundry_bench.report.analysis.fronts import Front, Point
from foundry_bench.report.sections import Extra
from foundry_bench.report.study.study import Study
from foundry_bench.report.table import Cell, Line, Table
from foundry_bench.report.tables.costs import cost_cell, p_cell
from foundry_bench.report.tables.groups import head, mean_cell, word_cell


def tabulate_search(study: Study, fronts: Sequence[Front]) -> Extra | None:
    """The settings of the suggestions on each front, and what was stopped early; None for sweeps
    without a search.
    """
    if not study.is_search or not fronts:
        return None
    paths = list(study.sweep_file.get("axes", {}))
    tables = [_settings_table(study, front, paths) for front in fronts]
    lines: list[Line] = [
        {
            "front": front.cost.slug,
            "place": front.number(point),
            **_settings(_trial_of(study, point), paths),
            front.cost.slug: point.cost.mean,
            front.result.slug: point.result.mean,
        }
        for front in fronts
        for point in front.front
    ]
    pruned = [trial for trial in study.evidence.trials if trial.status == "pruned"]
    if pruned:
        tables.append(_pruned_table(pruned, paths))
        lines += [
            {"front": "stopped early", "trial": trial.trial, **_settings(trial, paths)}
            for trial in pruned
        ]
    return Extra("search", "Settings on the front", tuple(tables), tuple(lines))


def _trial_of(study: Study, point: Point) -> TrialRecord:
    """A trial of a student: all of its seeds have the same settings."""
    return study.trial_of(study.runs_of(point.group)[-1])


def _settings_table(study: Study, front: Front, paths: Sequence[str]) -> Table:
    rows = []
    for point in front.front:
        place = front.number(point)
        rows.append(
            (
                Cell(str(place), place or 0),
                cost_cell(point.cost, front.cost),
                mean_cell(point.result, front.result),
                *map(_cell, _settings(_trial_of(study, point), paths).values()),
                p_cell(point.p, place),
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
        (word_cell(trial.trial), *map(_cell, _settings(trial, paths).values())) for trial in pruned
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
