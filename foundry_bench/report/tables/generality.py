"""Each backbone on each task, and how far it is from the teacher."""

from collections.abc import Iterator

from foundry_bench.report.analysis.generality import Generality, task_text
from foundry_bench.report.sections import Extra
from foundry_bench.report.study.measures import FEW_SHOT_STD, Measure, own_label
from foundry_bench.report.study.summary import Group
from foundry_bench.report.table import MIDDLE_DOT, Cell, Line, Table, counted_line, spread_line
from foundry_bench.report.tables.groups import (
    Column,
    change_cell,
    explain_constants,
    explain_marks,
    group_table,
    label_line,
    mean_column,
    number_cell,
)
from foundry_bench.report.tables.results import num_seeds
from foundry_bench.report.wording import number, p_text


def tabulate_generality(generality: Generality) -> Extra:
    """Results, then differences to the teacher."""
    tables = [_results(generality)]
    if any(map(generality.to_teacher, generality.changes)):
        tables.append(_differences(generality))
    return Extra("generality", "All tasks", tuple(tables), tuple(_lines(generality)))


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
    groups = [group for group in generality.changes if generality.to_teacher(group)]

    def column(measure: Measure) -> Column:
        def cell(group: Group) -> Cell:
            change = generality.to_teacher(group).get(measure)
            found = change_cell(change, measure)
            p = "" if change is None else p_text(change.p)
            return Cell(f"{found.text} ({p})", found.value) if p else found

        return _head(generality, measure), cell

    caption = (
        "Differences to the teacher, paired by seed, in points (without unit where the result has"
        " none): mean ± half the 95 % interval; in brackets p of a paired t-test, Holm-corrected"
        " over the tasks of a backbone."
    )
    columns = list(map(column, generality.measures))
    return group_table(generality.summary, groups, columns, caption)


def _head(generality: Generality, measure: Measure) -> str:
    """The task, its data set where that does not say it, and the metric."""
    data, own = generality.data.get(measure.task, ""), own_label(measure.task, measure.word)
    words = [task_text(measure), *([data] if data not in ("", own) else []), measure.name]
    return f" {MIDDLE_DOT} ".join(words) + (f" ({measure.unit})" if measure.unit else "")


def _lines(generality: Generality) -> Iterator[Line]:
    """A line per backbone and measure; a few-shot result with its spread over folds."""
    spreads = {each.task: each for each in generality.summary.details(FEW_SHOT_STD)}
    for group, references in generality.changes.items():
        for measure in generality.measures:
            interval = group.interval(measure)
            if not interval.n:
                continue
            line = {
                **label_line(group, generality.summary),
                "task": measure.task,
                "data": generality.data.get(measure.task, ""),
                "metric": measure.metric,
                **counted_line("mean", interval),
            }
            for name, changes in references.items():
                if measure in changes:
                    line |= spread_line(f"to_{name}", changes[measure])
                    line[f"to_{name}_p_holm"] = changes[measure].p
            spread = spreads.get(measure.task)
            if spread is not None and measure.metric == "few_shot_accuracy":
                line["std_over_folds"] = group.interval(spread).mean
            yield line


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
