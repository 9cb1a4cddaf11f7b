"""Fronts -> pictures and sentences."""

import math
from collections.abc import Sequence
from functools import partial

from foundry_bench.report.costs import WEIGHTS, Costs
from foundry_bench.report.figures.front import draw_front
from foundry_bench.report.fronts import Front, Point, find_front
from foundry_bench.report.measures import Measure
from foundry_bench.report.picture import INTERVALS, Picture, anchor_words
from foundry_bench.report.summary import Summary
from foundry_bench.report.wording import and_list, capital, number

MAX_FRONTS = 4
"""Costs that have a figure each: of latencies and peaks under many conditions, the plainest."""

MOST_LETTERS = 150
"""Of all names together that one sentence can bear."""


def find_fronts(summary: Summary, costs: Costs) -> list[Front]:
    """The preferred result against each cost that tells students apart."""
    if not summary.results:
        return []
    kinds: dict[str, Measure] = {}
    for measure in costs.measures:
        kinds.setdefault(measure.axis if measure not in costs.setups else measure.unit, measure)
    shown = [measure for measure in kinds.values() if measure not in list(WEIGHTS.values())[1:]]
    found = [find_front(summary, summary.results[0], measure) for measure in shown[:MAX_FRONTS]]
    return [front for front in found if front is not None and front.is_telling]


def picture_fronts(fronts: Sequence[Front], costs: Costs, *, is_search: bool) -> list[Picture]:
    """A picture a front; `is_search`: the students were suggested by a search."""
    return [_picture(front, costs, is_search=is_search) for front in fronts]


def _picture(front: Front, costs: Costs, *, is_search: bool) -> Picture:
    setup = costs.setups.get(front.cost)
    where = f", measured on {setup.device}" if setup else ", from patches to tokens, no head"
    star = " The star is the teacher." if front.teacher is not None else ""
    few = f" Left out for want of seeds: {and_list(list(front.few))}." if front.few else ""
    chosen = (
        " The settings were searched by these very numbers, so those of the front flatter it."
        if is_search
        else ""
    )
    caption = (
        f"{capital(front.result.label)} against {front.cost.label}{where}. A point is a student,"
        " the mean over its seeds, coloured by its SuperTokens s; filled where no student is as"
        " good for as little, which the line of steps joins (numbers as in the table)."
        f" {INTERVALS}.{star}{anchor_words(front.anchors)}{few}{chosen}"
    )
    title = f"{capital(front.result.label)} against {front.cost.label}"
    return Picture(
        f"{front.result.slug}_vs_{front.cost.slug}",
        title,
        caption,
        f"{title}: {len(front.points)} students, {len(front.front)} of them on the front.",
        tuple(front.lines()),
        partial(draw_front, front),
    )


def read_fronts(fronts: Sequence[Front]) -> list[str]:
    """Which students are on each front, and how sure that is."""
    return [_sentence(front) for front in fronts]


def _sentence(front: Front) -> str:
    on, off = front.front, [point for point in front.points if not point.is_on_front]
    where = f"the front of {front.result.label} against {front.cost.label}"
    if sum(len(point.name) for point in on) <= MOST_LETTERS:
        named = and_list([f"{point.name} ({_place(front, point)})" for point in on])
        text = f"On {where}, from the cheapest: {named}."
    else:
        ends = " to ".join(_place(front, point) for point in (on[0], on[-1]))
        text = f"On {where} are {len(on)} of {len(front.points)} students, from {ends}."
    if all(math.isnan(point.p) for point in front.points[1:]):
        return f"{text} How sure that is takes three seeds."
    sure_on, sure_off = (sum(point.is_sure for point in each) for each in (on, off))
    alone = " (the cheapest by its cost alone)" if on[0].p == 0 else ""
    beaten = f", and of {sure_off} of the {len(off)} that are not" if off else ""
    return (
        f"{text} Beyond doubt (paired over seeds, Holm-corrected p < 0.05) are the places of"
        f" {sure_on} of the {len(on)} on it{alone}{beaten};"
        " others may change sides with other seeds."
    )


def _place(front: Front, point: Point) -> str:
    unit = front.result.unit and f" {front.result.unit}"
    costs = number(point.cost.mean, front.cost.digits)
    return f"{costs} {front.cost.unit}, {number(point.result.mean, front.result.digits)}{unit}"
