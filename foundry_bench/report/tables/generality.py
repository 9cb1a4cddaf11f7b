"""Generality -> its tables: each backbone on each task, and how far it is from the teacher."""

import math

from foundry_bench.report.analysis.generality import Generality
from foundry_bench.report.sections import Extra
from foundry_bench.report.statistics.intervals import Difference
from foundry_bench.report.study.measures import FEW_SHOT_STD, Measure
from foundry_bench.report.table import MIDDLE_DOT, Cell, Table
from foundry_bench.report.tables.results import (
    explain_constants,
    explain_marks,
    further_axes,
    label_cells,
    mean_cell,
    num_seeds,
)
from foundry_bench.report.wording import mean_text, number, p_text


def tabulate(generality: Generality) -> Extra:
    """Results, then differences to the teacher."""
    tables = [_results(generality)]
    if any(backbone.to_teacher for backbone in generality.backbones):
        tables.append(_differences(generality))
    return Extra("generality", "All tasks", tuple(tables), tuple(generality.lines()))


def _results(generality: Generality) -> Table:
    summary, measures = generality.summary, generality.measures
    axes = further_axes(summary)
    rows = []
    for backbone in generality.backbones:
        group = backbone.group
        n = num_seeds(group, measures)
        marks = [mean_cell(group.interval(measure), measure) for measure in measures]
        rows.append((*label_cells(group, axes), Cell(str(n), n), *marks))
    caption = (
        "Each backbone on each task: mean ± half the 95 % Student-t interval over n seeds (no"
        " interval below three). A head says task, data set and metric."
        f"{explain_constants(summary, measures)}{explain_marks(summary, measures)}"
        f"{_spread_text(generality)}"
    )
    return Table(_header(generality, "n"), tuple(rows), caption)


def _differences(generality: Generality) -> Table:
    axes = further_axes(generality.summary)
    rows = []
    for backbone in generality.backbones:
        if backbone.to_teacher:
            changes = [
                _change_cell(backbone.to_teacher.get(measure), measure)
                for measure in generality.measures
            ]
            rows.append((*label_cells(backbone.group, axes), *changes))
    caption = (
        "Differences to the teacher, paired by seed, in points (without unit where the result has"
        " none): mean ± half the 95 % interval; in brackets p of a paired t-test, Holm-corrected"
        " over the tasks of a backbone."
    )
    return Table(_header(generality), tuple(rows), caption)


def _header(generality: Generality, *further: str) -> tuple[str, ...]:
    symbols = [axis.symbol for axis in further_axes(generality.summary)]
    return (
        "variant",
        "role",
        "s",
        *symbols,
        *further,
        *(_head(generality, measure) for measure in generality.measures),
    )


def _head(generality: Generality, measure: Measure) -> str:
    unit = f" ({measure.unit})" if measure.unit else ""
    return f"{generality.place(measure)} {MIDDLE_DOT} {measure.name}{unit}"


def _change_cell(change: Difference | None, measure: Measure) -> Cell:
    if change is None:
        return Cell("", math.nan)
    p = p_text(change.p)
    text = mean_text(change, measure.digits, signed=True)
    return Cell(f"{text} ({p})" if p else text, change.mean)


def _spread_text(generality: Generality) -> str:
    """How far folds are from each other, where there are any."""
    means = [
        group.interval(measure).mean
        for measure in generality.summary.details(FEW_SHOT_STD)
        for group in generality.summary.groups
        if group.by_seed.get(measure)
    ]
    if not means:
        return ""
    low, high = number(min(means), 1), number(max(means), 1)
    between = f"{low} points" if low == high else f"{low} to {high} points"
    return f" Over folds it is {between} here; generality.csv has it for each."
