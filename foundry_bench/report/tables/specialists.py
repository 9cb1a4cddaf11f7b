"""The generalist against students distilled for one task: results, and differences."""

import math
from collections.abc import Iterator, Mapping, Sequence

from foundry_bench.report.analysis.specialists import Contest, _call, _contested, contest
from foundry_bench.report.sections import Extra
from foundry_bench.report.study.series import Series
from foundry_bench.report.study.summary import TEACHER, Group, Summary
from foundry_bench.report.table import Cell, Line, Table, spread_line
from foundry_bench.report.tables.results import (
    explain_constants,
    further_axes,
    head,
    label_cells,
    label_line,
    mean_cell,
    order_groups,
)
from foundry_bench.report.wording import mean_text, p_text


def tabulate_specialists(summary: Summary, specialists: Mapping[Series, str]) -> Extra | None:
    """Results of teacher, generalists and specialists, then the paired differences."""
    contests = contest(summary, specialists)
    if not contests:
        return None
    tables = (_results(summary, specialists), _differences(contests))
    lines = [*_result_lines(summary, specialists), *map(_contest_line, contests)]
    return Extra("specialists", "The generalist against specialists", tables, tuple(lines))


def _compared(summary: Summary, specialists: Mapping[Series, str]) -> list[Group]:
    """The teacher, the generalists and the specialists."""
    return [
        group
        for group in order_groups(summary)
        if group.variant == TEACHER or group.role == "main" or group.setting in specialists
    ]


def _results(summary: Summary, specialists: Mapping[Series, str]) -> Table:
    measures, axes = _contested(summary, specialists), further_axes(summary)
    rows = []
    for group in _compared(summary, specialists):
        learned = specialists.get(group.setting, "")
        cells = []
        for measure in measures:
            cell = mean_cell(group.interval(measure), measure)
            mark = " (own)" if cell.text and measure.word == learned else ""
            cells.append(Cell(f"{cell.text}{mark}", cell.value))
        name = _call(group, specialists)
        rows.append((Cell(name, name), *label_cells(group, axes)[1:], *cells))
    caption = (
        "Each backbone on each task: mean ± half the 95 % interval over seeds. Own: of the task"
        " that the specialist was distilled for, by the answers of a teacher fine-tuned on it."
        f"{explain_constants(summary, measures)}"
    )
    header = ("variant", "role", "s", *(axis.symbol for axis in axes), *map(head, measures))
    return Table(header, tuple(rows), caption)


def _differences(contests: Sequence[Contest]) -> Table:
    rows = tuple(
        (
            Cell(each.generalist.name, each.generalist.name),
            Cell(each.name, each.name),
            Cell(head(each.measure), each.measure.slug),
            Cell("own" if each.is_own else "other", "own" if each.is_own else "other"),
            Cell(mean_text(each.change, each.measure.digits, signed=True), each.change.mean),
            Cell(p_text(each.change.p), each.change.p),
        )
        for each in contests
    )
    caption = (
        "What the generalist has more than each specialist, on the specialist's own task and on"
        " others: paired by seed, in points, mean ± half the 95 % interval; p of a paired t-test,"
        " Holm-corrected over the rows."
    )
    header = ("generalist", "specialist", "result", "task", "difference", "p (Holm)")
    return Table(header, rows, caption, num_labels=4)


def _result_lines(summary: Summary, specialists: Mapping[Series, str]) -> Iterator[Line]:
    axes = further_axes(summary)
    for group in _compared(summary, specialists):
        for measure in _contested(summary, specialists):
            interval = group.interval(measure)
            if interval.n:
                yield {
                    "what": "result",
                    **label_line(group, axes),
                    "learned": specialists.get(group.setting, ""),
                    "task": measure.task,
                    "metric": measure.metric,
                    "n": interval.n,
                    **spread_line("mean", interval),
                }


def _contest_line(each: Contest) -> Line:
    return {
        "what": "difference",
        "series": each.generalist.series,
        "supertokens": math.nan
        if each.generalist.supertokens is None
        else each.generalist.supertokens,
        "against": each.specialist.series,
        "learned": each.learned,
        "task": each.measure.task,
        "metric": each.measure.metric,
        "n": each.change.n,
        **spread_line("mean", each.change),
        "p_holm": each.change.p,
    }
