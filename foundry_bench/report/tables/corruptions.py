"""Accuracy on corrupted clouds, by kind of corruption."""

from collections.abc import Mapping, Sequence

from foundry_bench.report.analysis.corruptions import find_clean_result, split_metric
from foundry_bench.report.analysis.generality import task_text
from foundry_bench.report.sections import Extra
from foundry_bench.report.study.measures import CORRUPTED, Measure
from foundry_bench.report.study.summary import Summary
from foundry_bench.report.table import Line, Table, counted_line
from foundry_bench.report.tables.groups import group_table, label_line, mean_column


def tabulate_corruptions(summary: Summary, clean_tasks: Mapping[str, str]) -> Extra | None:
    """Accuracy of each backbone by kind of corruption, at the default severity; None if there are
    no kinds. `clean_tasks`: see `find_clean`.
    """
    measures = summary.details(CORRUPTED)
    if not measures:
        return None
    tasks = list(dict.fromkeys(measure.task for measure in measures))
    tables = [
        _table(summary, [each for each in measures if each.task == task], clean_tasks.get(task))
        for task in tasks
    ]
    lines: list[Line] = [
        {
            "task": measure.task,
            **label_line(group, summary),
            "kind": kind,
            "severity": severity or "default",
            **counted_line("accuracy", group.interval(measure)),
        }
        for group in summary.ordered
        for measure in measures
        for kind, severity in [split_metric(measure)]
        if group.by_seed.get(measure)
    ]
    return Extra("corruption", "Corrupted clouds", tuple(tables), tuple(lines))


def _table(summary: Summary, measures: Sequence[Measure], clean_task: str | None) -> Table:
    place = (measures[0].task, CORRUPTED.removesuffix("_"))
    mean = [each for each in summary.results if (each.task, each.metric) == place]
    clean = find_clean_result(summary, clean_task)
    columns = [
        *([mean_column(clean, "clean")] if clean else []),
        *(mean_column(measure, "all kinds") for measure in mean),
        *(mean_column(each, each.name) for each in measures if not split_metric(each)[1]),
    ]
    caption = (
        f"{task_text(measures[0]).capitalize()}: accuracy (%) on test clouds as they are and"
        " corrupted, by kind at the default severity; mean ± half the 95 % interval over seeds."
    )
    return group_table(summary, summary.having(measures), columns, caption)
