"""Statistics -> what each figure shows; `lines` of each is the CSV beside the figure."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from foundry_bench.record import Role
from foundry_bench.report.correlation import RankCorrelation, rank_correlation
from foundry_bench.report.histories import StageTime
from foundry_bench.report.levels import Axis
from foundry_bench.report.measures import DISTILL_LOSS, Measure
from foundry_bench.report.stats import Interval, mean_interval
from foundry_bench.report.summary import Group, Summary

ANCHORS = {"teacher": "teacher", "not_distilled": "not distilled", "scratch": "from scratch"}
"""Anchor -> what figures call it, from the best expected down."""

UNTRAINED = {"scratch": "random weights"}
"""What they call it where the task trains nothing."""

MAX_SERIES = 8
"""What markers can tell apart in one figure."""

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


def _quartiles(seconds: Sequence[float]) -> tuple[float, float, float]:
    low, middle, high = np.quantile(seconds, [0.25, 0.5, 0.75]).tolist()
    return low, middle, high


def spread_line(name: str, interval: Interval) -> Line:
    """A mean and its bounds as columns."""
    return {name: interval.mean, f"{name}_low": interval.low, f"{name}_high": interval.high}


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
