"""Statistics -> what each figure shows; `lines` of each is the CSV beside the figure."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from foundry_bench.record import Role
from foundry_bench.report.histories import Curve, StageTime
from foundry_bench.report.measures import Measure
from foundry_bench.report.stats import Interval, RankCorrelation, mean_interval, rank_correlation
from foundry_bench.report.summary import Group, Summary

ANCHORS = {"teacher": "teacher", "not_distilled": "not distilled", "scratch": "from scratch"}
"""Anchor -> what figures call it, from the best expected down."""

UNTRAINED = {"scratch": "random weights"}
"""What they call it where the task trains nothing."""

Line = dict[str, object]


@dataclass(frozen=True)
class AnchorLine:
    """A backbone that every figure shows for comparison."""

    variant: str
    label: str
    interval: Interval


@dataclass(frozen=True)
class RunPoint:
    """One run as a point."""

    role: Role
    series: str
    supertokens: int
    seed: int
    x: float
    y: float


@dataclass(frozen=True)
class Centre:
    """The mean of a group with intervals both ways."""

    role: Role
    series: str
    supertokens: int
    x: Interval
    y: Interval


@dataclass(frozen=True)
class Relation:
    """A number of distillation against a result of a task (Fig. 2 of the paper).

    Attributes:
        correlations: over the runs of each main series that has several numbers of SuperTokens.
        loss_name: what kind of loss `x` is, empty for other numbers.
    """

    x: Measure
    y: Measure
    points: tuple[RunPoint, ...]
    centres: tuple[Centre, ...]
    anchors: tuple[AnchorLine, ...]
    correlations: Mapping[str, RankCorrelation]
    loss_name: str = ""

    @property
    def x_axis(self) -> str:
        """What the horizontal axis says."""
        return f"{self.x.label} ({self.loss_name})" if self.loss_name else self.x.axis

    def lines(self) -> list[Line]:
        """Runs, means and anchors."""
        runs: list[Line] = [
            {"what": "run", **_place(point), "seed": point.seed, "n": 1, "x": point.x, "y": point.y}
            for point in self.points
        ]
        means: list[Line] = [
            {
                "what": "mean",
                **_place(centre),
                "n": centre.y.n,
                **_spread("x", centre.x),
                **_spread("y", centre.y),
            }
            for centre in self.centres
        ]
        return runs + means + _anchor_lines(self.anchors)


@dataclass(frozen=True)
class Level:
    """One point of a profile."""

    supertokens: int
    interval: Interval
    by_seed: Mapping[int, float]


@dataclass(frozen=True)
class Profile:
    """A result against the number of SuperTokens, a series a line.

    Attributes:
        series: name -> (role, levels by SuperTokens), main series first.
    """

    y: Measure
    series: Mapping[str, tuple[Role, tuple[Level, ...]]]
    anchors: tuple[AnchorLine, ...]

    def lines(self) -> list[Line]:
        """Means and anchors."""
        means: list[Line] = [
            {
                "what": "mean",
                "role": role,
                "series": name,
                "supertokens": level.supertokens,
                "n": level.interval.n,
                **_spread("y", level.interval),
            }
            for name, (role, levels) in self.series.items()
            for level in levels
        ]
        return means + _anchor_lines(self.anchors)


@dataclass(frozen=True)
class MeanCurve:
    """Runs of one number of SuperTokens, averaged by epoch."""

    supertokens: int
    epochs: tuple[int, ...]
    intervals: tuple[Interval, ...]


@dataclass(frozen=True)
class Curves:
    """A number over the epochs of distillation."""

    series: str
    label: str
    curves: tuple[MeanCurve, ...]

    def lines(self) -> list[Line]:
        """One line an epoch and number of SuperTokens."""
        return [
            {
                "supertokens": curve.supertokens,
                "epoch": epoch,
                "n": interval.n,
                **_spread("y", interval),
            }
            for curve in self.curves
            for epoch, interval in zip(curve.epochs, curve.intervals, strict=True)
        ]


@dataclass(frozen=True)
class KindTime:
    """The stages of one kind and task on one device, in seconds."""

    label: str
    device: str
    num_stages: int
    total: float
    quartiles: tuple[float, float, float]
    seconds: tuple[float, ...]


@dataclass(frozen=True)
class Times:
    """Where the time went."""

    kinds: tuple[KindTime, ...]

    def lines(self) -> list[Line]:
        """One line a kind."""
        return [
            {
                "stage": kind.label,
                "device": kind.device,
                "n": kind.num_stages,
                "total_s": kind.total,
                **dict(
                    zip(("quartile1_s", "median_s", "quartile3_s"), kind.quartiles, strict=True)
                ),
            }
            for kind in self.kinds
        ]


def relate(summary: Summary, x: Measure, y: Measure, loss_name: str = "") -> Relation | None:
    """`x` against `y`; None if no run of a main series or a control has both."""
    points, centres = [], []
    for name, groups in summary.series().items():
        for group in groups:
            xs, ys = group.by_seed.get(x, {}), group.by_seed.get(y, {})
            seeds = sorted(xs.keys() & ys.keys())
            if not seeds or group.supertokens is None:
                continue
            place = (group.role, name, group.supertokens)
            points += [RunPoint(*place, seed, xs[seed], ys[seed]) for seed in seeds]
            both = [mean_interval([values[seed] for seed in seeds]) for values in (xs, ys)]
            centres.append(Centre(*place, both[0], both[1]))
    if not points:
        return None
    anchors = find_anchors(summary, y)
    return Relation(x, y, tuple(points), tuple(centres), anchors, _correlate(points), loss_name)


def profile(summary: Summary, y: Measure) -> Profile | None:
    """`y` against the number of SuperTokens; None if nothing has it."""
    series = {}
    for name, groups in summary.series().items():
        levels = tuple(
            Level(group.supertokens, group.interval(y), group.by_seed[y])
            for group in groups
            if group.supertokens is not None and group.by_seed.get(y)
        )
        if levels:
            series[name] = groups[0].role, levels
    return Profile(y, series, find_anchors(summary, y)) if series else None


def find_anchors(summary: Summary, y: Measure) -> tuple[AnchorLine, ...]:
    """The anchors that have `y`, in the order of `ANCHORS`."""
    found: list[tuple[int, AnchorLine]] = []
    for group in summary.of_role("anchor"):
        if group.by_seed.get(y):
            order = list(ANCHORS).index(group.variant) if group.variant in ANCHORS else len(ANCHORS)
            found.append(
                (
                    order,
                    AnchorLine(group.variant, _anchor_label(group, summary, y), group.interval(y)),
                )
            )
    return tuple(line for _, line in sorted(found, key=lambda pair: pair[0]))


def average_curves(curves: Sequence[Curve], series: str, label: str) -> Curves | None:
    """Runs of `series` averaged by SuperTokens and epoch; None if there are none."""
    gathered: dict[int, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for curve in curves:
        if curve.series == series and curve.role == "main" and curve.supertokens is not None:
            for epoch, value in zip(curve.epochs, curve.values, strict=True):
                gathered[curve.supertokens][epoch].append(value)
    means = tuple(
        MeanCurve(
            count,
            tuple(sorted(epochs)),
            tuple(mean_interval(epochs[epoch]) for epoch in sorted(epochs)),
        )
        for count, epochs in sorted(gathered.items())
    )
    return Curves(series, label, means) if means else None


def sum_times(times: Sequence[StageTime]) -> Times | None:
    """Seconds by kind of stage, task and device, the longest first; None if no record has any."""
    gathered: dict[tuple[str, str], list[float]] = defaultdict(list)
    for time in times:
        label = f"{time.stage}: {time.task}" if time.task else time.stage
        gathered[label, time.device].append(time.seconds)
    kinds = [
        KindTime(
            label,
            device,
            len(seconds),
            math.fsum(seconds),
            _quartiles(seconds),
            tuple(sorted(seconds)),
        )
        for (label, device), seconds in gathered.items()
    ]
    ordered = sorted(kinds, key=lambda kind: (-kind.total, kind.label, kind.device))
    return Times(tuple(ordered)) if ordered else None


def call_anchor(variant: str, y: Measure) -> str | None:
    """What an anchor is called where `y` is shown; None for one that is not known."""
    return (None if y.is_trained else UNTRAINED.get(variant)) or ANCHORS.get(variant)


def _anchor_label(group: Group, summary: Summary, y: Measure) -> str:
    """The anchor's name, and what tells it from others of that name."""
    counts = {
        other.supertokens for other in summary.of_role("anchor") if other.variant == group.variant
    }
    name = call_anchor(group.variant, y)
    parts = [group.series] if name is None else [name, group.setting.detail]
    if len(counts) > 1 and group.supertokens:
        parts.append(f"s={group.supertokens}")
    return ", ".join(part for part in parts if part)


def _correlate(points: Sequence[RunPoint]) -> dict[str, RankCorrelation]:
    """Each main series by itself: between series more differs than the distillation."""
    found = {}
    for name in dict.fromkeys(point.series for point in points if point.role == "main"):
        runs = [point for point in points if point.role == "main" and point.series == name]
        counts = [run.supertokens for run in runs]
        if len(set(counts)) > 1:
            found[name] = rank_correlation([run.x for run in runs], [run.y for run in runs], counts)
    return found


def _quartiles(seconds: Sequence[float]) -> tuple[float, float, float]:
    low, middle, high = np.quantile(seconds, [0.25, 0.5, 0.75]).tolist()
    return low, middle, high


def _place(item: RunPoint | Centre) -> Line:
    return {"role": item.role, "series": item.series, "supertokens": item.supertokens}


def _spread(name: str, interval: Interval) -> Line:
    return {name: interval.mean, f"{name}_low": interval.low, f"{name}_high": interval.high}


def _anchor_lines(anchors: Sequence[AnchorLine]) -> list[Line]:
    return [
        {
            "what": "anchor",
            "role": "anchor",
            "series": anchor.label,
            "n": anchor.interval.n,
            **_spread("y", anchor.interval),
        }
        for anchor in anchors
    ]
