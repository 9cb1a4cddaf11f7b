"""Statistics -> a result against what it costs: which students no other beats on both."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from foundry_bench.report.analysis.baselines import BaselineLine, find_baselines
from foundry_bench.report.statistics.intervals import CONFIDENCE, MIN_SEEDS, Interval, holm
from foundry_bench.report.study.costs import WEIGHTS, Costs
from foundry_bench.report.study.levels import AXES
from foundry_bench.report.study.measures import Measure
from foundry_bench.report.study.summary import TEACHER, Group, Summary
from foundry_bench.report.table import Line, spread_line

LEAST_STUDENTS = 3
"""Fewer are no front to look at."""

MAX_FRONTS = 4
"""Costs that have a figure each: of latencies and peaks under many conditions, the plainest."""


@dataclass(frozen=True)
class Point:
    """A student.

    Attributes:
        name: what tells it from all others of the sweep.
        is_on_front: whether, by the means, no student is as good or better for as much or less.
        p: of the contrary; NaN below three seeds. On the front it is the largest of the p of being
            no better than a student that costs no more; elsewhere the least of being no worse than
            one, times their number; corrected after Holm over the points of either kind.
    """

    name: str
    group: Group
    cost: Interval
    result: Interval
    is_on_front: bool
    p: float

    @property
    def is_sure(self) -> bool:
        """Whether seeds leave no doubt on which side it is."""
        return self.p < 1 - CONFIDENCE


@dataclass(frozen=True)
class Front:
    """All students of a sweep with a result and a cost.

    Attributes:
        points: by cost.
        teacher: cost and result, where both are known.
        baselines: as in other figures.
        few: students left out, since others have enough seeds for an interval and they have not.
    """

    result: Measure
    cost: Measure
    points: tuple[Point, ...]
    teacher: tuple[Interval, Interval] | None
    baselines: tuple[BaselineLine, ...]
    few: tuple[str, ...] = ()

    @property
    def front(self) -> list[Point]:
        """Those on the front, by cost."""
        return [point for point in self.points if point.is_on_front]

    @property
    def is_telling(self) -> bool:
        """Whether there are enough students, of more than one cost."""
        costs = {point.cost.mean for point in self.points}
        return len(self.points) >= LEAST_STUDENTS and max(costs) > 1.05 * min(costs)

    def number(self, point: Point) -> int | None:
        """Its place on the front, from the cheapest; None for others."""
        return self.front.index(point) + 1 if point.is_on_front else None

    def standing(self, group: Group) -> tuple[int | None, float]:
        """The place of a group on the front, and the p of its point; None and NaN without."""
        point = next((each for each in self.points if each.group is group), None)
        return (None, math.nan) if point is None else (self.number(point), point.p)

    def lines(self) -> list[Line]:
        """Students, then teacher and baselines."""
        students: list[Line] = [
            {
                "what": "student",
                "role": point.group.role,
                "series": point.group.series,
                **{axis.name: point.group.level.on(axis) for axis in AXES},
                "n": point.result.n,
                **spread_line(self.cost.slug, point.cost),
                **spread_line(self.result.slug, point.result),
                "front": self.number(point),
                "p_holm": point.p,
            }
            for point in self.points
        ]
        baselines: list[Line] = [
            {
                "what": "baseline",
                "role": "baseline",
                "series": line.label,
                "n": line.interval.n,
                self.cost.slug: self.teacher[0].mean
                if self.teacher is not None and line.variant == TEACHER
                else None,
                **spread_line(self.result.slug, line.interval),
            }
            for line in self.baselines
        ]
        return students + baselines


def find_front(summary: Summary, result: Measure, cost: Measure) -> Front | None:
    """The main students and ablations that have both; None if none has, or if their results are on
    different data or after different training: then none of them is better for that.
    """
    having = [
        group
        for group in summary.groups
        if group.role != "baseline" and group.by_seed.get(result) and group.by_seed.get(cost)
    ]
    if len({group.setting.ground for group in having}) != 1:
        return None
    enough = [group for group in having if group.interval(result).n >= MIN_SEEDS]
    groups = sorted(
        enough or having, key=lambda group: (_mean(group, cost), -_mean(group, result), group.name)
    )
    judged = [_judge(group, groups, result, cost) for group in groups]
    corrected = _correct(judged)
    points = [
        Point(
            summary.name(group), group, group.interval(cost), group.interval(result), is_on_front, p
        )
        for group, (is_on_front, _), p in zip(groups, judged, corrected, strict=True)
    ]
    both = [each for each in summary.teachers if {cost, result} <= each.by_seed.keys()]
    teacher = (both[0].interval(cost), both[0].interval(result)) if len(both) == 1 else None
    few = [summary.name(group) for group in having if group not in groups]
    return Front(result, cost, tuple(points), teacher, find_baselines(summary, result), tuple(few))


def _judge(
    group: Group, groups: Sequence[Group], result: Measure, cost: Measure
) -> tuple[bool, float]:
    """Whether `group` is on the front of `groups`, by cost and result, by the means; and the p of
    the contrary. Of equals the first counts.
    """
    limit, mean = _mean(group, cost), _mean(group, result)
    before = groups[: groups.index(group)]
    rivals = [other for other in groups if other is not group and _mean(other, cost) <= limit]
    beating = [other for other in rivals if _mean(other, result) > mean]
    beating += [other for other in before if _mean(other, result) == mean]
    changes = [group.difference(other, result) for other in beating or rivals]
    p_values = [change.p for change in changes]
    if not beating:
        unknown = any(math.isnan(p) for p in p_values)
        return True, math.nan if unknown else max(p_values, default=0.0)
    known = [p for p in p_values if math.isfinite(p)]
    return False, min(1.0, len(rivals) * min(known)) if known else math.nan


def _correct(judged: Sequence[tuple[bool, float]]) -> list[float]:
    """The p of `judged` after Holm, those on the front and the others apart."""
    kinds = {
        kind: holm([p if is_on == kind else math.nan for is_on, p in judged])
        for kind in (True, False)
    }
    return [kinds[is_on][index] for index, (is_on, _) in enumerate(judged)]


def _mean(group: Group, measure: Measure) -> float:
    return group.interval(measure).mean


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
