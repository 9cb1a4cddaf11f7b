"""Statistics -> a number of distillation against a result of a task, run by run."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from foundry_bench.record import Role
from foundry_bench.report.analysis.anchors import MAX_SERIES, AnchorLine, anchor_lines, find_anchors
from foundry_bench.report.statistics.correlation import RankCorrelation, rank_correlation
from foundry_bench.report.statistics.intervals import Interval, mean_interval
from foundry_bench.report.study.levels import Axis
from foundry_bench.report.study.measures import DISTILL_LOSS, Measure
from foundry_bench.report.study.summary import Summary
from foundry_bench.report.table import Line, spread_line


@dataclass(frozen=True)
class RunPoint:
    """One run as a point."""

    role: Role
    series: str
    level: float
    seed: int
    x: float
    y: float


@dataclass(frozen=True)
class Centre:
    """The mean of a group with intervals both ways."""

    role: Role
    series: str
    level: float
    x: Interval
    y: Interval


@dataclass(frozen=True)
class Relation:
    """A number of distillation against a result of a task (Fig. 2 of the paper).

    Attributes:
        axis: what levels are of.
        correlations: over the runs of each main series that has several levels.
        loss_name: what kind of loss `x` is, empty for other numbers.
        has_all: whether controls are among the points too, if there are any.
    """

    x: Measure
    y: Measure
    axis: Axis
    points: tuple[RunPoint, ...]
    centres: tuple[Centre, ...]
    anchors: tuple[AnchorLine, ...]
    correlations: Mapping[str, RankCorrelation]
    loss_name: str = ""
    has_all: bool = True

    @property
    def x_axis(self) -> str:
        """What the horizontal axis says."""
        return f"{self.x.label} ({self.loss_name})" if self.loss_name else self.x.axis

    def lines(self) -> list[Line]:
        """Runs, means and anchors."""
        runs: list[Line] = [
            {
                "what": "run",
                **self._place(point),
                "seed": point.seed,
                "n": 1,
                "x": point.x,
                "y": point.y,
            }
            for point in self.points
        ]
        means: list[Line] = [
            {
                "what": "mean",
                **self._place(centre),
                "n": centre.y.n,
                **spread_line("x", centre.x),
                **spread_line("y", centre.y),
            }
            for centre in self.centres
        ]
        return runs + means + anchor_lines(self.anchors)

    def _place(self, item: RunPoint | Centre) -> Line:
        return {"role": item.role, "series": item.series, self.axis.name: item.level}


def relate(summary: Summary, x: Measure, y: Measure, loss_name: str = "") -> Relation | None:
    """`x` against `y`; None if no run of a main series or a control has both.

    None, too, if `x` cannot tell anything: losses of several kinds, or levels that share one
    distillation. Controls are left out where markers could not tell all series apart.
    """
    axis = summary.axis
    points, centres = [], []
    if x == DISTILL_LOSS and _num_losses(summary) > 1:
        return None
    has_all = len(summary.series()) <= MAX_SERIES
    for name, groups in (summary.series() if has_all else summary.main_series()).items():
        for group in groups:
            xs, ys = group.by_seed.get(x, {}), group.by_seed.get(y, {})
            seeds = sorted(xs.keys() & ys.keys())
            level = group.level.on(axis)
            if not seeds or level is None:
                continue
            points += [
                RunPoint(group.role, name, level, seed, xs[seed], ys[seed]) for seed in seeds
            ]
            both = [mean_interval([values[seed] for seed in seeds]) for values in (xs, ys)]
            centres.append(Centre(group.role, name, level, both[0], both[1]))
    if not points or _is_shared(points):
        return None
    anchors = find_anchors(summary, y)
    correlations = _correlate(points)
    return Relation(
        x, y, axis, tuple(points), tuple(centres), anchors, correlations, loss_name, has_all
    )


def _num_losses(summary: Summary) -> int:
    """How many losses the distillations minimised."""
    return len({group.loss for group in summary.groups if group.by_seed.get(DISTILL_LOSS)})


def _is_shared(points: Sequence[RunPoint]) -> bool:
    """Whether the main students have several levels, and each seed one `x` for all of them."""
    main = [point for point in points if point.role == "main"]
    places: dict[tuple[str, int], set[float]] = defaultdict(set)
    for point in main:
        places[point.series, point.seed].add(point.x)
    return len(places) < len(main) and all(len(xs) == 1 for xs in places.values())


def _correlate(points: Sequence[RunPoint]) -> dict[str, RankCorrelation]:
    """Each main series by itself: between series more differs than the distillation."""
    found = {}
    for name in dict.fromkeys(point.series for point in points if point.role == "main"):
        runs = [point for point in points if point.role == "main" and point.series == name]
        levels = [run.level for run in runs]
        if len(set(levels)) > 1:
            found[name] = rank_correlation([run.x for run in runs], [run.y for run in runs], levels)
    return found
