"""What each backbone costs, and where it is on each front."""

from collections.abc import Sequence

from foundry_bench.report.analysis.fronts import Front
from foundry_bench.report.sections import Extra
from foundry_bench.report.statistics.intervals import Interval, mean_interval
from foundry_bench.report.study.costs import Costs
from foundry_bench.report.study.measures import Measure
from foundry_bench.report.study.summary import Group, Summary
from foundry_bench.report.table import Cell, Line
from foundry_bench.report.tables.groups import (
    Column,
    group_table,
    head,
    label_line,
    mean_column,
    number_cell,
)
from foundry_bench.report.wording import mean_text, p_text


def tabulate_costs(summary: Summary, costs: Costs, fronts: Sequence[Front]) -> Extra | None:
    """A line a backbone: the preferred result, what it costs, and where it is on each front."""
    if not costs.measures or not summary.results:
        return None
    result, groups = summary.results[0], summary.having(costs.measures)
    columns = [mean_column(result), *map(_cost_column, costs.measures)]
    for front in fronts:
        columns += _front_columns(front)
    caption = (
        "What each backbone costs, from records of foundry-bench profile; MACs are from patches to"
        " tokens, latencies from points to logits."
    )
    if fronts:
        caption += (
            " A number under a front is the place on it, from the cheapest. p is of the contrary"
            " of where a student stands: on the front, of being no better than one that costs no"
            " more (the cheapest stands there by its cost); off it, of being no worse than all of"
            " those (paired over seeds, Holm-corrected)."
        )
    elif len({group.setting.ground for group in groups if group.role != "baseline"}) > 1:
        caption += " No front: results on other data, or after other training, are not compared."
    table = group_table(summary, groups, columns, caption)
    lines = tuple(_line(group, summary, (result, *costs.measures), fronts) for group in groups)
    return Extra("costs", "Results and costs", (table,), lines)


def cost_text(interval: Interval, measure: Measure) -> str:
    """As results, but that a cost is the same for all seeds goes without saying."""
    if not interval.half > 0:
        interval = mean_interval([interval.mean] if interval.n else [])
    return mean_text(interval, measure.digits)


def cost_cell(interval: Interval, measure: Measure) -> Cell:
    """A cost with its interval, where it has one."""
    return Cell(cost_text(interval, measure), interval.mean)


def p_cell(p: float, place: int | None) -> Cell:
    """Of the cheapest nothing was tested: who costs more cannot take its place."""
    return Cell("by cost" if p == 0 and place == 1 else p_text(p), p)


def _cost_column(measure: Measure) -> Column:
    return head(measure), lambda group: cost_cell(group.interval(measure), measure)


def _front_columns(front: Front) -> list[Column]:
    def place(group: Group) -> Cell:
        found, _ = front.standing(group)
        return number_cell(found, "" if found is None else str(found))

    def p(group: Group) -> Cell:
        found, value = front.standing(group)
        return p_cell(value, found)

    return [(f"front: {front.cost.short}", place), ("p", p)]


def _line(
    group: Group, summary: Summary, measures: Sequence[Measure], fronts: Sequence[Front]
) -> Line:
    line = label_line(group, summary)
    line |= {measure.slug: group.interval(measure).mean for measure in measures}
    for front in fronts:
        place, p = front.standing(group)
        line |= {f"front_{front.cost.slug}": place, f"p_{front.cost.slug}": p}
    return line
