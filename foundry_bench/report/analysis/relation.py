"""Statistics -> a number of distillation against a result of a task, run by run."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from foundry_bench.record import Role
from foundry_bench.report.analysis.baselines import (
    MAX_SERIES,
    BaselineLine,
    baseline_lines,
    find_baselines,
)
from foundry_bench.report.statistics.correlation import RankCorrelation, rank_correlation
from foundry_bench.report.statistics.intervals import Interval, mean_interval
from foundry_bench.report.study.levels import Axis
from foundry_bench.report.study.measures import DISTILL_LOSS, Measure
from foundry_bench.report.study.summary import Summary
from foundry_bench.report.table import Line, counted_line, spread_line


@dataclass(frozen=True)
class Cluster:
    """The runs of a group that have both numbers, by seed."""

    role: Role
    series: str
    level: float
    xs: Mapping[int, float]
    ys: Mapping[int, float]

    @property
    def x(self) -> Interval:
        """The mean, with its interval."""
        return mean_interval(list(self.xs.values()))

    @property
    def y(self) -> Interval:
        """The mean, with its interval."""
        return mean_interval(list(self.ys.values()))


@dataclass(frozen=True)
class Relation:
    """A number of distillation against a result of a task (Fig. 2 of the paper).

    Attributes:
        axis: what levels are of.
        loss_name: what kind of loss `x` is, empty for other numbers.
        has_all: whether ablations are among the clusters too, if there are any.
    """

    x: Measure
    y: Measure
    axis: Axis
    clusters: tuple[Cluster, ...]
    baselines: tuple[BaselineLine, ...]
    loss_name: str = ""
    has_all: bool = True

    @property
    def x_axis(self) -> str:
        """What the horizontal axis says."""
        return f"{self.x.label} ({self.loss_name})" if self.loss_name else self.x.axis

    @cached_property
    def correlations(self) -> dict[str, RankCorrelation]:
        """Over the runs of each main series that has several levels: between series more differs
        than the distillation.
        """
        found = {}
        for name, clusters in self.main.items():
            if len({cluster.level for cluster in clusters}) > 1:
                xs = [x for each in clusters for x in each.xs.values()]
                ys = [y for each in clusters for y in each.ys.values()]
                levels = [each.level for each in clusters for _ in each.xs]
                found[name] = rank_correlation(xs, ys, levels)
        return found

    @property
    def main(self) -> dict[str, list[Cluster]]:
        """The clusters of each main series."""
        found: dict[str, list[Cluster]] = defaultdict(list)
        for cluster in self.clusters:
            if cluster.role == "main":
                found[cluster.series].append(cluster)
        return found

    def lines(self) -> list[Line]:
        """Runs, means and baselines."""
        places: list[tuple[Cluster, Line]] = [
            (each, {"role": each.role, "series": each.series, self.axis.name: each.level})
            for each in self.clusters
        ]
        runs: list[Line] = [
            {"what": "run", **place, "seed": seed, "n": 1, "x": x, "y": each.ys[seed]}
            for each, place in places
            for seed, x in each.xs.items()
        ]
        means: list[Line] = [
            {"what": "mean", **place, **counted_line("x", each.x), **spread_line("y", each.y)}
            for each, place in places
        ]
        return runs + means + baseline_lines(self.baselines)


def relate(summary: Summary, x: Measure, y: Measure, loss_name: str = "") -> Relation | None:
    """`x` against `y`; None if no run of a main series or an ablation has both.

    None, too, if `x` cannot tell anything: losses of several kinds, or levels that share one
    distillation. Ablations are left out where markers could not tell all series apart.
    """
    axis = summary.axis
    if x == DISTILL_LOSS and _num_losses(summary) > 1:
        return None
    has_all = len(summary.series()) <= MAX_SERIES
    shown = summary.series(having=x) if has_all else summary.main_series(having=x)
    clusters = []
    for name, groups in shown.items():
        for group in groups:
            xs, ys = group.by_seed[x], group.by_seed.get(y, {})
            if seeds := sorted(xs.keys() & ys.keys()):
                both = ({seed: values[seed] for seed in seeds} for values in (xs, ys))
                clusters.append(Cluster(group.role, name, group.level.on(axis) or 0.0, *both))
    found = Relation(x, y, axis, tuple(clusters), find_baselines(summary, y), loss_name, has_all)
    return None if not clusters or _is_shared(found) else found


def _num_losses(summary: Summary) -> int:
    """How many losses the distillations minimised."""
    return len({group.loss for group in summary.groups if group.by_seed.get(DISTILL_LOSS)})


def _is_shared(relation: Relation) -> bool:
    """Whether the main students have several levels, and each seed one `x` for all of them."""
    places: dict[tuple[str, int], list[float]] = defaultdict(list)
    for name, clusters in relation.main.items():
        for cluster in clusters:
            for seed, x in cluster.xs.items():
                places[name, seed].append(x)
    has_levels = any(len(xs) > 1 for xs in places.values())
    return has_levels and all(len(set(xs)) == 1 for xs in places.values())
