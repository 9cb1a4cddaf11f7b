"""The backbones that every figure shows for comparison."""

from collections.abc import Sequence
from dataclasses import dataclass

from foundry_bench.report.statistics.intervals import Interval
from foundry_bench.report.study.measures import Measure
from foundry_bench.report.study.summary import Group, Summary
from foundry_bench.report.table import Line, spread_line

ANCHORS = {"teacher": "teacher", "not_distilled": "not distilled", "scratch": "from scratch"}
"""Anchor -> what figures call it, from the best expected down."""

UNTRAINED = {"scratch": "random weights"}
"""What they call it where the task trains nothing."""

MAX_SERIES = 8
"""What markers can tell apart in one figure."""


@dataclass(frozen=True)
class AnchorLine:
    """A backbone that every figure shows for comparison."""

    variant: str
    label: str
    interval: Interval


def find_anchors(
    summary: Summary, y: Measure, among: Sequence[Group] | None = None
) -> tuple[AnchorLine, ...]:
    """The anchors that have `y`, in the order of `ANCHORS`; of `among` if they are given."""
    found: list[tuple[int, AnchorLine]] = []
    for group in summary.of_role("anchor") if among is None else among:
        if group.by_seed.get(y):
            order = list(ANCHORS).index(group.variant) if group.variant in ANCHORS else len(ANCHORS)
            found.append(
                (
                    order,
                    AnchorLine(group.variant, _anchor_label(group, summary, y), group.interval(y)),
                )
            )
    return tuple(line for _, line in sorted(found, key=lambda pair: pair[0]))


def call_anchor(variant: str, y: Measure) -> str | None:
    """What an anchor is called where `y` is shown; None for one that is not known."""
    return (None if y.is_trained else UNTRAINED.get(variant)) or ANCHORS.get(variant)


def _anchor_label(group: Group, summary: Summary, y: Measure) -> str:
    """The anchor's name, and what tells it from others of that name."""
    levels = {other.level for other in summary.of_role("anchor") if other.variant == group.variant}
    name = call_anchor(group.variant, y)
    if name is None:
        parts = [group.series]
    elif group.setting.detail.startswith(f"{name} "):
        parts = [group.setting.detail]
    else:
        parts = [name, group.setting.detail]
    if len(levels) > 1:
        parts.append(group.level.text.replace(" = ", "="))
    return ", ".join(part for part in parts if part)


def anchor_lines(anchors: Sequence[AnchorLine]) -> list[Line]:
    """The anchors as lines of a CSV."""
    return [
        {
            "what": "anchor",
            "role": "anchor",
            "series": anchor.label,
            "n": anchor.interval.n,
            **spread_line("y", anchor.interval),
        }
        for anchor in anchors
    ]
