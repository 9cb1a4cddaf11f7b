"""Statistics -> the mIoU of each category of shapes, a table a segmentation task."""

from foundry_bench.report.analysis.generality import task_text
from foundry_bench.report.sections import Extra
from foundry_bench.report.study.measures import CATEGORY, Measure
from foundry_bench.report.study.summary import Group, Summary
from foundry_bench.report.table import Cell, Line, Table, spread_line
from foundry_bench.report.tables.results import further_axes, label_line, mean_cell, order_groups
from foundry_bench.report.wording import capital


def tabulate_parts(summary: Summary) -> Extra | None:
    """A row a category, a column a backbone; None if no task has categories."""
    measures = summary.details(CATEGORY)
    if not measures:
        return None
    tasks = list(dict.fromkeys(measure.task for measure in measures))
    tables = [_table(summary, [each for each in measures if each.task == task]) for task in tasks]
    axes = further_axes(summary)
    lines: list[Line] = [
        {
            "task": measure.task,
            "category": measure.metric.removeprefix(CATEGORY),
            **label_line(group, axes),
            "n": group.interval(measure).n,
            **spread_line("miou", group.interval(measure)),
        }
        for measure in measures
        for group in order_groups(summary)
        if group.by_seed.get(measure)
    ]
    return Extra("parts", "Parts by category", tuple(tables), tuple(lines), is_folded=True)


def _table(summary: Summary, measures: list[Measure]) -> Table:
    groups = [
        group
        for group in order_groups(summary)
        if any(group.by_seed.get(measure) for measure in measures)
    ]
    rows = tuple((Cell(measure.name, measure.name), *_row(groups, measure)) for measure in measures)
    caption = (
        f"{capital(task_text(measures[0]))}: mIoU (%) of each category, mean ± half the 95 %"
        " interval over seeds. Instance mIoU is the mean over clouds, class mIoU over these rows."
    )
    return Table(("category", *(group.name for group in groups)), rows, caption, num_labels=1)


def _row(groups: list[Group], measure: Measure) -> list[Cell]:
    return [mean_cell(group.interval(measure), measure) for group in groups]
