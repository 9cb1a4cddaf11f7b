"""Each backbone on each task, and how far it is from the teacher."""

from foundry_bench.report.analysis.generality import Generality
from foundry_bench.report.sections import Extra
from foundry_bench.report.study.measures import FEW_SHOT_STD, Measure
from foundry_bench.report.study.summary import Group
from foundry_bench.report.table import MIDDLE_DOT, Cell, Table
from foundry_bench.report.tables.groups import (
    Column,
    change_cell,
    explain_constants,
    explain_marks,
    group_table,
    mean_column,
    number_cell,
)
from foundry_bench.report.tables.results import num_seeds
from foundry_bench.report.wording import number, p_text


def tabulate_generality(generality: Generality) -> Extra:
    """Results, then differences to the teacher."""
    tables = [_results(generality)]
    if any(backbone.to_teacher for backbone in generality.backbones):
        tables.append(_differences(generality))
    return Extra("generality", "All tasks", tuple(tables), tuple(generality.lines()))


def _results(generality: Generality) -> Table:
    summary, measures = generality.summary, generality.measures
    columns: list[Column] = [
        ("n", lambda group: number_cell(n := num_seeds(group, measures), str(n))),
        *(mean_column(measure, _head(generality, measure)) for measure in measures),
    ]
    caption = (
        "Each backbone on each task: mean ± half the 95 % Student-t interval over n seeds (no"
        " interval below three). A head says task, data set and metric."
        f"{explain_constants(summary, measures)}{explain_marks(summary, measures)}"
        f"{_spread_text(generality)}"
    )
    return group_table(summary, summary.ordered, columns, caption)


def _differences(generality: Generality) -> Table:
    changes = {id(each.group): each.to_teacher for each in generality.backbones if each.to_teacher}

    def column(measure: Measure) -> Column:
        def cell(group: Group) -> Cell:
            change = changes[id(group)].get(measure)
            found = change_cell(change, measure)
            p = "" if change is None else p_text(change.p)
            return Cell(f"{found.text} ({p})", found.value) if p else found

        return _head(generality, measure), cell

    caption = (
        "Differences to the teacher, paired by seed, in points (without unit where the result has"
        " none): mean ± half the 95 % interval; in brackets p of a paired t-test, Holm-corrected"
        " over the tasks of a backbone."
    )
    groups = [each.group for each in generality.backbones if each.to_teacher]
    return group_table(generality.summary, groups, list(map(column, generality.measures)), caption)


def _head(generality: Generality, measure: Measure) -> str:
    unit = f" ({measure.unit})" if measure.unit else ""
    return f"{generality.place(measure)} {MIDDLE_DOT} {measure.name}{unit}"


def _spread_text(generality: Generality) -> str:
    """How far folds are from each other, where there are any."""
    summary = generality.summary
    means = [
        group.interval(measure).mean
        for measure in summary.details(FEW_SHOT_STD)
        for group in summary.having([measure])
    ]
    if not means:
        return ""
    low, high = number(min(means), 1), number(max(means), 1)
    between = f"{low} points" if low == high else f"{low} to {high} points"
    return f" Over folds it is {between} here; generality.csv has it for each."
