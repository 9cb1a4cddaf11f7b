"""Statistics -> results along an axis: SuperTokens, the token budget, the λ of a gate."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from foundry_bench.record import Role
from foundry_bench.report.figure_data import (
    MAX_SERIES,
    AnchorLine,
    Line,
    anchor_lines,
    find_anchors,
    spread_line,
)
from foundry_bench.report.levels import Axis
from foundry_bench.report.measures import ENCODER_TOKENS, KEPT_TOKENS, Measure
from foundry_bench.report.stats import Interval
from foundry_bench.report.summary import TEACHER, Summary


@dataclass(frozen=True)
class Mark:
    """One point of a profile."""

    x: float
    interval: Interval
    by_seed: Mapping[int, float]


@dataclass(frozen=True)
class Profile:
    """A number along an axis, a series a line.

    Attributes:
        series: name -> (role, marks along the axis), main series first.
    """

    y: Measure
    axis: Axis
    series: Mapping[str, tuple[Role, tuple[Mark, ...]]]
    anchors: tuple[AnchorLine, ...] = ()

    @property
    def is_readable(self) -> bool:
        """Whether some series is a line, and markers tell all apart."""
        longest = max(len(marks) for _, marks in self.series.values())
        return longest > 1 and len(self.series) <= MAX_SERIES

    def lines(self) -> list[Line]:
        """Means and anchors."""
        means: list[Line] = [
            {
                "what": "mean",
                "role": role,
                "series": name,
                self.axis.name: mark.x,
                "n": mark.interval.n,
                **spread_line("y", mark.interval),
            }
            for name, (role, marks) in self.series.items()
            for mark in marks
        ]
        return means + anchor_lines(self.anchors)


@dataclass(frozen=True)
class GateProfile:
    """A result and the tokens that the gate kept, along the same axis (Fig. 5 of the paper).

    Attributes:
        num_tokens: tokens of a cloud, where a record of the teacher says so.
    """

    result: Profile
    kept: Profile
    num_tokens: float | None = None

    def lines(self) -> list[Line]:
        """Of both; `measure` tells which."""
        return [
            {"measure": each.y.slug, **line}
            for each in (self.result, self.kept)
            for line in each.lines()
        ]


def profile(summary: Summary, y: Measure, axis: Axis | None = None) -> Profile | None:
    """`y` along `axis`, by default the summary's; None if nothing has it."""
    along = axis or summary.axis
    series = {}
    for name, groups in summary.series(along).items():
        marks = tuple(
            Mark(place, group.interval(y), group.by_seed[y])
            for group in groups
            for place in [group.level.on(along)]
            if place is not None and group.by_seed.get(y)
        )
        if marks:
            series[name] = groups[0].role, marks
    return Profile(y, along, series, find_anchors(summary, y)) if series else None


def gate_profile(summary: Summary, y: Measure, axis: Axis) -> GateProfile | None:
    """`y` and the kept tokens along `axis`; None if nothing has both."""
    result, kept = profile(summary, y, axis), profile(summary, KEPT_TOKENS, axis)
    if result is None or kept is None:
        return None
    teachers = [group for group in summary.of_role("anchor") if group.variant == TEACHER]
    known = [
        group.interval(ENCODER_TOKENS).mean
        for group in teachers
        if group.by_seed.get(ENCODER_TOKENS)
    ]
    both = {name: marks for name, marks in kept.series.items() if name in result.series}
    return GateProfile(result, replace(kept, series=both, anchors=()), known[0] if known else None)
