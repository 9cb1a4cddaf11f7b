"""What each backbone costs, and where it is on each front."""

import math
from collections.abc import Sequence

from foundry_bench.report.analysis.fronts import Front
from foundry_bench.report.sections import Extra
from foundry_bench.report.statistics.intervals import Interval, mean_interval
from foundry_bench.report.study.costs import Costs
from foundry_bench.report.study.measures import Measure
from foundry_bench.report.study.summary import Summary
from foundry_bench.report.table import Cell, Line, Table
from foundry_bench.report.tables.results import (
    further_axes,
    head,
    label_cells,
    label_line,
    mean_cell,
    order_groups,
)
from foundry_bench.report.wording import mean_text, p_text


def tabulate_costs(summary: Summary, costs: Costs, fronts: Sequence[Front]) -> Extra | None:
    """A line a backbone: the preferred result, what it costs, and where it is on each front."""
    if not costs.measures or not summary.results:
        return None
    result, axes = summary.results[0], further_axes(summary)
    groups = [
        group
        for group in order_groups(summary)
        if any(group.by_seed.get(measure) for measure in costs.measures)
    ]
    header = ["variant", "role", "s", *(axis.symbol for axis in axes), head(result)]
    header += [head(measure) for measure in costs.measures]
    for front in fronts:
        header += [f"front: {front.cost.short}", "p"]
    rows, lines = [], []
    for group in groups:
        cells = [*label_cells(group, axes), mean_cell(group.interval(result), result)]
        cells += [_cost_cell(group.interval(measure), measure) for measure in costs.measures]
        line: Line = {**label_line(group, axes), result.slug: group.interval(result).mean}
        line |= {measure.slug: group.interval(measure).mean for measure in costs.measures}
        for front in fronts:
            point = next((each for each in front.points if each.group is group), None)
            place = None if point is None else front.number(point)
            p = math.nan if point is None else point.p
            cells += [
                Cell("" if place is None else str(place), math.nan if place is None else place),
                _p_cell(p, place),
            ]
            line |= {f"front_{front.cost.slug}": place, f"p_{front.cost.slug}": p}
        rows.append(tuple(cells))
        lines.append(line)
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
    elif len({group.setting.ground for group in groups if group.role != "anchor"}) > 1:
        caption += " No front: results on other data, or after other training, are not compared."
    table = Table(tuple(header), tuple(rows), caption)
    return Extra("costs", "Results and costs", (table,), tuple(lines))


def cost_text(interval: Interval, measure: Measure) -> str:
    """As results, but that a cost is the same for all seeds goes without saying."""
    if not interval.half > 0:
        interval = mean_interval([interval.mean] if interval.n else [])
    return mean_text(interval, measure.digits)


def _cost_cell(interval: Interval, measure: Measure) -> Cell:
    return Cell(cost_text(interval, measure), interval.mean)


def _p_cell(p: float, place: int | None) -> Cell:
    """Of the cheapest nothing was tested: who costs more cannot take its place."""
    return Cell("by cost" if p == 0 and place == 1 else p_text(p), p)
