"""The backbones that every figure shows for comparison."""

from collections.abc import Sequence
from dataclasses import dataclass

from foundry_bench.report.statistics.intervals import Interval
from foundry_bench.report.study.measures import Measure
from foundry_bench.report.study.summary import Group, Summary
from foundry_bench.report.table import Line, spread_line

BASELINES = {"teacher": "teacher", "not_distilled": "not distilled", "scratch": "from scratch"}
"""Baseline -> what figures call it, from the best expected down."""

UNTRAINED = {"scratch": "random weights"}
"""What they call it where the task trains nothing."""

MAX_SERIES = 8
"""What markers can tell apart in one figure."""


@dataclass(frozen=True)
class BaselineLine:
    """A backbone that every figure shows for comparison."""

    variant: str
    label: str
    interval: Interval


def find_baselines(
    summary: Summary, y: Measure, among: Sequence[Group] | None = None
) -> tuple[BaselineLine, ...]:
    """The baselines that have `y`, in the order of `BASELINES`; of `among` if they are given."""
    found: list[tuple[int, BaselineLine]] = []
    for group in summary.of_role("baseline") if among is None else among:
        if group.by_seed.get(y):
            order = (
                list(BASELINES).index(group.variant)
                if group.variant in BASELINES
                else len(BASELINES)
            )
            found.append(
                (
                    order,
                    BaselineLine(
                        group.variant, _baseline_label(group, summary, y), group.interval(y)
                    ),
                )
            )
    return tuple(line for _, line in sorted(found, key=lambda pair: pair[0]))


def call_baseline(variant: str, y: Measure) -> str | None:
    """What a baseline is called where `y` is shown; None for one that is not known."""
    return (None if y.is_trained else UNTRAINED.get(variant)) or BASELINES.get(variant)


def _baseline_label(group: Group, summary: Summary, y: Measure) -> str:
    """The baseline's name, and what tells it from others of that name."""
    levels = {
        other.level for other in summary.of_role("baseline") if other.variant == group.variant
    }
    name = call_baseline(group.variant, y)
    if name is None:
        parts = [group.series]
    elif group.setting.detail.startswith(f"{name} "):
        parts = [group.setting.detail]
    else:
        parts = [name, group.setting.detail]
    if len(levels) > 1:
        parts.append(group.level.text.replace(" = ", "="))
    return ", ".join(part for part in parts if part)


def baseline_lines(baselines: Sequence[BaselineLine]) -> list[Line]:
    """The baselines as lines of a CSV."""
    return [
        {
            "what": "baseline",
            "role": "baseline",
            "series": baseline.label,
            "n": baseline.interval.n,
            **spread_line("y", baseline.interval),
        }
        for baseline in baselines
    ]
