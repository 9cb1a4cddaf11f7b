"""The mIoU of each category of shapes, a table a segmentation task."""

from foundry_bench.report.analysis.generality import task_text
from foundry_bench.report.sections import Extra
from foundry_bench.report.study.measures import CATEGORY, Measure
from foundry_bench.report.study.summary import Summary
from foundry_bench.report.table import Line, Table, counted_line
from foundry_bench.report.tables.groups import label_line, mean_cell, word_cell
from foundry_bench.report.wording import capital


def tabulate_parts(summary: Summary) -> Extra | None:
    """A row a category, a column a backbone; None if no task has categories."""
    measures = summary.details(CATEGORY)
    if not measures:
        return None
    tasks = list(dict.fromkeys(measure.task for measure in measures))
    tables = [_table(summary, [each for each in measures if each.task == task]) for task in tasks]
    lines: list[Line] = [
        {
            "task": measure.task,
            "category": measure.metric.removeprefix(CATEGORY),
            **label_line(group, summary),
            **counted_line("miou", group.interval(measure)),
        }
        for measure in measures
        for group in summary.having([measure])
    ]
    return Extra("parts", "Parts by category", tuple(tables), tuple(lines), is_folded=True)


def _table(summary: Summary, measures: list[Measure]) -> Table:
    groups = summary.having(measures)
    rows = tuple(
        (word_cell(measure.name), *(mean_cell(each.interval(measure), measure) for each in groups))
        for measure in measures
    )
    caption = (
        f"{capital(task_text(measures[0]))}: mIoU (%) of each category, mean ± half the 95 %"
        " interval over seeds. Instance mIoU is the mean over clouds, class mIoU over these rows."
    )
    return Table(("category", *(group.name for group in groups)), rows, caption, num_labels=1)
