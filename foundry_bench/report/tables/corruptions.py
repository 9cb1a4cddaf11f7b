"""Accuracy on corrupted clouds, by kind of corruption."""

from collections.abc import Mapping, Sequence

from foundry_bench.report.analysis.corruptions import _clean, split_metric
from foundry_bench.report.analysis.generality import task_text
from foundry_bench.report.sections import Extra
from foundry_bench.report.study.measures import CORRUPTED, Measure
from foundry_bench.report.study.summary import Summary
from foundry_bench.report.table import Line, Table, spread_line
from foundry_bench.report.tables.results import (
    further_axes,
    label_cells,
    label_line,
    mean_cell,
    order_groups,
)


def tabulate_corruptions(summary: Summary, clean_tasks: Mapping[str, str]) -> Extra | None:
    """Accuracy of each backbone by kind of corruption, at the default severity; None if there are
    no kinds. `clean_tasks`: see `find_clean`.
    """
    measures = summary.details(CORRUPTED)
    if not measures:
        return None
    tasks = list(dict.fromkeys(measure.task for measure in measures))
    tables = [
        _table(summary, [m for m in measures if m.task == task], clean_tasks) for task in tasks
    ]
    axes = further_axes(summary)
    lines: list[Line] = [
        {
            "task": measure.task,
            **label_line(group, axes),
            "kind": kind,
            "severity": severity or "default",
            "n": group.interval(measure).n,
            **spread_line("accuracy", group.interval(measure)),
        }
        for group in order_groups(summary)
        for measure in measures
        for kind, severity in [split_metric(measure)]
        if group.by_seed.get(measure)
    ]
    return Extra("corruption", "Corrupted clouds", tuple(tables), tuple(lines))


def _table(summary: Summary, measures: Sequence[Measure], clean_tasks: Mapping[str, str]) -> Table:
    task = measures[0].task
    by_kind = [measure for measure in measures if not split_metric(measure)[1]]
    mean = [each for each in summary.results if (each.task, each.metric) == (task, CORRUPTED[:-1])]
    clean = _clean(summary, clean_tasks.get(task))
    columns = [*([clean] if clean else []), *mean, *by_kind]
    heads = [*(["clean"] if clean else []), *(["all kinds"] if mean else [])]
    heads += [measure.name for measure in by_kind]
    axes = further_axes(summary)
    rows = tuple(
        (
            *label_cells(group, axes),
            *(mean_cell(group.interval(measure), measure) for measure in columns),
        )
        for group in order_groups(summary)
        if any(group.by_seed.get(measure) for measure in measures)
    )
    caption = (
        f"{task_text(measures[0]).capitalize()}: accuracy (%) on test clouds as they are and"
        " corrupted, by kind at the default severity; mean ± half the 95 % interval over seeds."
    )
    header = ("variant", "role", "s", *(axis.symbol for axis in axes), *heads)
    return Table(header, rows, caption)
