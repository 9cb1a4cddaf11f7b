"""Statistics -> variants side by side at equal numbers of SuperTokens: the mechanism ablation."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from foundry_bench.record import Role
from foundry_bench.report.figure_data import (
    AnchorLine,
    Line,
    anchor_lines,
    find_anchors,
    spread_line,
)
from foundry_bench.report.levels import SUPERTOKENS
from foundry_bench.report.measures import HELDOUT_NMSE, Measure
from foundry_bench.report.stats import Interval
from foundry_bench.report.summary import TEACHER, Group, Summary

MIN_VARIANTS = 4
"""Fewer series are told apart well enough by a profile, if it has lines."""


@dataclass(frozen=True)
class Standing:
    """What a variant reaches.

    Attributes:
        marks: number of SuperTokens (None for students without) -> result.
        errors: the same for the held-out error.
    """

    series: str
    role: Role
    marks: dict[int | None, Interval]
    errors: dict[int | None, Interval]

    @property
    def mean(self) -> float:
        """At the largest number of SuperTokens."""
        return self.marks[max(self.marks, key=lambda count: count or 0)].mean


@dataclass(frozen=True)
class Ranking:
    """Variants by their result at the largest number of SuperTokens, the best first."""

    y: Measure
    error: Measure
    standings: tuple[Standing, ...]
    anchors: tuple[AnchorLine, ...]

    @property
    def counts(self) -> list[int | None]:
        """The numbers of SuperTokens that there are, None last."""
        found = {count for standing in self.standings for count in standing.marks}
        return sorted(found, key=lambda count: math.inf if count is None else count)

    def lines(self) -> list[Line]:
        """A line per variant and s, then the anchors."""
        means: list[Line] = [
            {
                "what": "mean",
                "role": standing.role,
                "series": standing.series,
                "supertokens": "" if count is None else count,
                "n": mark.n,
                **spread_line("y", mark),
                **spread_line(self.error.slug, standing.errors.get(count, _NOTHING)),
            }
            for standing in self.standings
            for count, mark in standing.marks.items()
        ]
        return means + anchor_lines(self.anchors)


_NOTHING = Interval(math.nan, math.nan, math.nan, 0)


def rank(summary: Summary, y: Measure) -> Ranking | None:
    """The variants in the context of the first main series, at its numbers of SuperTokens.

    Anchors that are students of their own, such as another one not distilled, are among them.
    None if fewer than `MIN_VARIANTS` have `y` (one less where there is only one number of
    SuperTokens), or if the sweep is over another axis.
    """
    main = summary.main()
    if not main or summary.axis != SUPERTOKENS or len(summary.axes) > 1:
        return None
    counts = {None, *(group.supertokens for group in main)}
    context = main[0].setting.context
    others = _other_students(summary)
    found = {
        name: [
            group
            for group in groups
            if group.by_seed.get(y)
            and group.supertokens in counts
            and group.setting.context == context
        ]
        for name, groups in {**summary.series(), **others}.items()
    }
    standings = [_standing(name, groups, y) for name, groups in found.items() if groups]
    has_lines = any(len(standing.marks) > 1 for standing in standings)
    if len(standings) < (MIN_VARIANTS if has_lines else MIN_VARIANTS - 1):
        return None
    ordered = sorted(standings, key=lambda standing: -standing.mean)
    anchors = [
        group
        for group in summary.of_role("anchor")
        if group.setting.context == context and group.series not in others
    ]
    return Ranking(y, HELDOUT_NMSE, tuple(ordered), find_anchors(summary, y, anchors))


def _other_students(summary: Summary) -> dict[str, list[Group]]:
    """The anchors that are students of their own, and no main student without its distillation."""
    students = {group.setting.student for group in summary.of_role("main")}
    found: dict[str, list[Group]] = {}
    for group in summary.of_role("anchor"):
        if group.variant != TEACHER and group.setting.student not in students:
            found.setdefault(group.series, []).append(group)
    return found


def _standing(name: str, groups: Sequence[Group], y: Measure) -> Standing:
    return Standing(
        name,
        groups[0].role,
        {group.supertokens: group.interval(y) for group in groups},
        {
            group.supertokens: group.interval(HELDOUT_NMSE)
            for group in groups
            if group.by_seed.get(HELDOUT_NMSE)
        },
    )
