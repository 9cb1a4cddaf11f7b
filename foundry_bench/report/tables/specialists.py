"""The generalist against students distilled for one task: results, and differences."""

import math
from collections.abc import Mapping, Sequence

from foundry_bench.report.analysis.specialists import (
    Contest,
    call_specialist,
    contest,
    find_contested,
)
from foundry_bench.report.sections import Extra
from foundry_bench.report.study.measures import Measure
from foundry_bench.report.study.series import Series
from foundry_bench.report.study.summary import Group, Summary
from foundry_bench.report.table import Cell, Line, Table, counted_line
from foundry_bench.report.tables.groups import (
    Column,
    change_cell,
    explain_constants,
    group_table,
    head,
    label_line,
    mean_cell,
    word_cell,
)
from foundry_bench.report.wording import p_text


def tabulate_specialists(summary: Summary, specialists: Mapping[Series, str]) -> Extra | None:
    """Results of teacher, generalists and specialists, then the paired differences."""
    contests = contest(summary, specialists)
    if not contests:
        return None
    groups = [
        group
        for group in summary.ordered
        if group.is_teacher or group.role == "main" or group.setting in specialists
    ]
    results: list[Line] = [
        {
            "what": "result",
            **label_line(group, summary),
            "learned": specialists.get(group.setting, ""),
            "task": measure.task,
            "metric": measure.metric,
            **counted_line("mean", group.interval(measure)),
        }
        for group in groups
        for measure in find_contested(summary, specialists)
        if group.by_seed.get(measure)
    ]
    tables = (_results(summary, groups, specialists), _differences(contests))
    lines = (*results, *map(_contest_line, contests))
    return Extra("specialists", "The generalist against specialists", tables, lines)


def _results(summary: Summary, groups: Sequence[Group], specialists: Mapping[Series, str]) -> Table:
    def column(measure: Measure) -> Column:
        def cell(group: Group) -> Cell:
            found = mean_cell(group.interval(measure), measure)
            is_own = found.text and measure.word == specialists.get(group.setting)
            return Cell(f"{found.text} (own)", found.value) if is_own else found

        return head(measure), cell

    measures = find_contested(summary, specialists)
    caption = (
        "Each backbone on each task: mean ± half the 95 % interval over seeds. Own: of the task"
        " that the specialist was distilled for, by the answers of a teacher fine-tuned on it."
        f"{explain_constants(summary, measures)}"
    )
    return group_table(
        summary,
        groups,
        list(map(column, measures)),
        caption,
        lambda group: call_specialist(group, specialists),
    )


def _differences(contests: Sequence[Contest]) -> Table:
    rows = tuple(
        (
            word_cell(each.generalist.name),
            word_cell(each.name),
            Cell(head(each.measure), each.measure.slug),
            word_cell("own" if each.is_own else "other"),
            change_cell(each.change, each.measure),
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


def _contest_line(each: Contest) -> Line:
    count = each.generalist.supertokens
    return {
        "what": "difference",
        "series": each.generalist.series,
        "supertokens": math.nan if count is None else count,
        "against": each.specialist.series,
        "learned": each.learned,
        "task": each.measure.task,
        "metric": each.measure.metric,
        **counted_line("mean", each.change),
        "p_holm": each.change.p,
    }
