"""Histories -> numbers over epochs: of distillation (a curve a level) and of a task (a series)."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from foundry_bench.record import Role
from foundry_bench.report.figure_data import MAX_SERIES, Line, call_anchor, spread_line
from foundry_bench.report.histories import Curve
from foundry_bench.report.levels import SUPERTOKENS, Axis
from foundry_bench.report.measures import Measure
from foundry_bench.report.stats import Interval, mean_interval


@dataclass(frozen=True)
class MeanCurve:
    """Runs of one level, averaged by epoch."""

    level: float
    epochs: tuple[int, ...]
    intervals: tuple[Interval, ...]


@dataclass(frozen=True)
class Curves:
    """A number over the epochs of distillation, a curve a level of `axis`."""

    series: str
    label: str
    axis: Axis
    curves: tuple[MeanCurve, ...]

    def lines(self) -> list[Line]:
        """One line an epoch and level."""
        return [
            {
                self.axis.name: curve.level,
                "epoch": epoch,
                "n": interval.n,
                **spread_line("y", interval),
            }
            for curve in self.curves
            for epoch, interval in zip(curve.epochs, curve.intervals, strict=True)
        ]


@dataclass(frozen=True)
class TaskCurve:
    """Runs of one series, averaged by epoch."""

    series: str
    role: Role
    variant: str
    epochs: tuple[int, ...]
    intervals: tuple[Interval, ...]


@dataclass(frozen=True)
class TaskCurves:
    """A number over the epochs of a task, a curve a series, anchors too.

    Attributes:
        level: the place on the axis at which students are shown, empty if they have none.
    """

    label: str
    level: str
    curves: tuple[TaskCurve, ...]

    def lines(self) -> list[Line]:
        """One line an epoch and series."""
        return [
            {
                "role": curve.role,
                "series": curve.series,
                "epoch": epoch,
                "n": interval.n,
                **spread_line("y", interval),
            }
            for curve in self.curves
            for epoch, interval in zip(curve.epochs, curve.intervals, strict=True)
        ]


def average_curves(
    curves: Sequence[Curve], series: str, label: str, axis: Axis = SUPERTOKENS
) -> Curves | None:
    """Runs of `series` averaged by level on `axis` and epoch; None if there are none."""
    gathered: dict[float, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for curve in curves:
        level = curve.run.level.on(axis)
        if curve.run.series.name == series and curve.run.role == "main" and level is not None:
            for epoch, value in zip(curve.epochs, curve.values, strict=True):
                gathered[level][epoch].append(value)
    means = tuple(
        MeanCurve(
            level,
            tuple(sorted(epochs)),
            tuple(mean_interval(epochs[epoch]) for epoch in sorted(epochs)),
        )
        for level, epochs in sorted(gathered.items())
    )
    return Curves(series, label, axis, means) if means else None


def compare_curves(curves: Sequence[Curve], y: Measure, label: str) -> TaskCurves | None:
    """The series side by side at the largest number of SuperTokens that all main ones have.

    Args:
        curves: of one history of the task of `y`, in its unit once scaled.
        y: the task's result, which says scale and unit.
        label: what the history is called.

    Returns:
        None unless there are several series of students, and no more than markers tell apart.
    """
    students = {curve.run.series for curve in curves if curve.run.role != "anchor"}
    main = {curve.run.series for curve in curves if curve.run.role == "main"}
    counts = [
        {curve.run.level.supertokens for curve in curves if curve.run.series == series}
        for series in main
    ]
    shared = set.intersection(*counts) - {None} if counts else set()
    if not 2 <= len(students) <= MAX_SERIES or not shared:
        return None
    level = max(count for count in shared if count is not None)
    gathered: dict[tuple[Role, str, str], dict[int, list[float]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for curve in curves:
        run = curve.run
        is_anchor = run.role == "anchor"
        if is_anchor or run.level.supertokens in (None, level):
            name = (call_anchor(run.variant, y) if is_anchor else None) or run.series.name
            for epoch, value in zip(curve.epochs, curve.values, strict=True):
                gathered[run.role, name, run.variant][epoch].append(value * y.scale)
    found = tuple(
        TaskCurve(
            name,
            role,
            variant,
            tuple(sorted(epochs)),
            tuple(mean_interval(epochs[epoch]) for epoch in sorted(epochs)),
        )
        for (role, name, variant), epochs in gathered.items()
    )
    return TaskCurves(f"{label} ({y.unit})", SUPERTOKENS.text(level), found)
