"""Fronts -> sentences: which students are on each, and how sure that is."""

import math
from collections.abc import Sequence

from foundry_bench.report.analysis.fronts import Front, Point
from foundry_bench.report.wording import and_list, number

MOST_LETTERS = 150
"""Of all names together that one sentence can bear."""


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
