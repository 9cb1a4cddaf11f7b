"""Numbers over epochs: of distillation, a line a level; of a task, a line a series."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from foundry_bench.record import Role, StageKind
from foundry_bench.report.analysis.anchors import MAX_SERIES, call_anchor
from foundry_bench.report.figures.canvas import (
    INTERVALS,
    focus,
    intervals_text,
    legend_columns,
    new_figure,
    note,
    without_common,
)
from foundry_bench.report.figures.clouds import _axis_of_distillation
from foundry_bench.report.figures.style import (
    ANCHOR_STYLES,
    MARKERS,
    OTHER_ANCHOR,
    SERIES,
    level_colours,
)
from foundry_bench.report.records.harvest import Evidence
from foundry_bench.report.sections import Picture
from foundry_bench.report.statistics.intervals import Interval, mean_interval
from foundry_bench.report.study.levels import SUPERTOKENS, Axis
from foundry_bench.report.study.measures import DISTILL_LOSS, Measure
from foundry_bench.report.study.runs import Run
from foundry_bench.report.study.summary import Summary
from foundry_bench.report.table import Line, spread_line

Dash = Any
"""A line style of matplotlib: a name, or an offset with lengths."""


@dataclass(frozen=True)
class Curve:
    """One number of one run over its epochs; values that are not finite are left out.

    Attributes:
        epochs: counted from 1.
    """

    run: Run
    epochs: tuple[int, ...]
    values: tuple[float, ...]


def collect_curves(
    evidence: Evidence, runs: Sequence[Run], stage: StageKind, *names: str, task: str | None = None
) -> list[Curve]:
    """The histories called by the first of `names` that a line has, of all stages of kind `stage`
    (and of `task`, if it is given), in the order of `runs`.

    A stage that several runs of a series share is one curve, of the first of them.
    """
    trials = {trial.trial: trial for trial in evidence.trials}
    curves, seen = [], set()
    for run in runs:
        for record in evidence.stages_of(trials[run.trial]):
            points = [
                (round(line["epoch"]), value)
                for line in record.history
                for value in [next((line[name] for name in names if name in line), math.nan)]
                if math.isfinite(line.get("epoch", math.nan)) and math.isfinite(value)
            ]
            is_wanted = record.stage == stage and task in (None, record.task)
            if is_wanted and points and (run.series, record.key) not in seen:
                seen.add((run.series, record.key))
                epochs, values = zip(*points, strict=True)
                curves.append(Curve(run, epochs, values))
    return curves


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


def draw_curves(data: Curves) -> Figure:
    """A line per level, its mean over seeds, with the interval as a band."""
    figure = new_figure(2.5)
    axes = figure.add_subplot()
    colours = level_colours(data.axis, [curve.level for curve in data.curves])
    for curve in data.curves:
        colour = colours[curve.level]
        means = [interval.mean for interval in curve.intervals]
        marker = "o" if len(curve.epochs) == 1 else ""
        axes.plot(
            curve.epochs,
            means,
            color=colour,
            label=data.axis.text(curve.level),
            marker=marker,
            zorder=3,
        )
        low = np.array([interval.low for interval in curve.intervals])
        high = np.array([interval.high for interval in curve.intervals])
        axes.fill_between(curve.epochs, low, high, color=colour, alpha=0.18, linewidth=0)
    means = [interval.mean for curve in data.curves for interval in curve.intervals]
    if min(means) > 0 and max(means) > 4 * min(means):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    axes.set_xlabel("epoch")
    axes.set_ylabel(data.label)
    axes.legend(loc="upper right", ncols=1 + (len(data.curves) > 6))
    seeds = intervals_text([interval.n for curve in data.curves for interval in curve.intervals])
    note(axes, seeds)
    return figure


def draw_task_curves(data: TaskCurves) -> Figure:
    """A line a series, its mean over seeds, with the interval as a band; anchors in their style."""
    students = [curve for curve in data.curves if curve.role != "anchor"]
    anchors = [curve for curve in data.curves if curve.role == "anchor"]
    names = without_common([curve.series for curve in students])
    names += [curve.series for curve in anchors]
    columns = legend_columns(names)
    figure = new_figure(2.4 + 0.14 * math.ceil(len(names) / columns))
    axes = figure.add_subplot()
    for index, curve in enumerate(students):
        marker = MARKERS[index % len(MARKERS)]
        dash = "-" if curve.role == "main" else (0, (3, 2))
        _draw_curve(axes, curve, SERIES[index % len(SERIES)], dash, marker)
    for curve in anchors:
        _draw_curve(axes, curve, *ANCHOR_STYLES.get(curve.variant, OTHER_ANCHOR))
    low, high = focus(_means(students), _means(anchors))
    pad = 0.07 * (high - low or 1.0)
    axes.set_ylim(low - pad, high + pad)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    axes.set_xlabel("epoch")
    axes.set_ylabel(data.label)
    counts = [interval.n for curve in data.curves for interval in curve.intervals]
    note(axes, intervals_text(counts))
    figure.legend(
        axes.lines,
        names,
        loc="outside upper left",
        ncols=columns,
        columnspacing=1.0,
        borderaxespad=0.0,
    )
    return figure


def _means(curves: Sequence[TaskCurve]) -> list[float]:
    return [interval.mean for curve in curves for interval in curve.intervals]


def _draw_curve(axes: Axes, curve: TaskCurve, colour: str, dash: Dash, marker: str = "") -> None:
    means = [interval.mean for interval in curve.intervals]
    axes.plot(
        curve.epochs,
        means,
        color=colour,
        linestyle=dash,
        linewidth=1.2,
        marker=marker,
        markersize=3.2,
        zorder=3,
    )
    low = np.array([interval.low for interval in curve.intervals])
    high = np.array([interval.high for interval in curve.intervals])
    axes.fill_between(curve.epochs, low, high, color=colour, alpha=0.12, linewidth=0)


def _curves_picture(
    evidence: Evidence, runs: Sequence[Run], summary: Summary, loss_name: str
) -> Picture | None:
    name = next((group.series for group in summary.main()), "")
    curves = collect_curves(evidence, runs, "distill", "token_loss", "loss")
    label = f"{DISTILL_LOSS.label} ({loss_name})" if loss_name else DISTILL_LOSS.label
    axis = _axis_of_distillation(summary)
    data = average_curves(curves, name, label, axis)
    if data is None:
        return None
    of_series = f" of {name}" if len(summary.main_series()) > 1 else ""
    caption = (
        f"Training loss of distillation by epoch{of_series}, mean over seeds for each"
        f" {axis.symbol}. {INTERVALS}. Controls are left out."
    )
    level = "number of SuperTokens" if axis == SUPERTOKENS else axis.symbol
    alt = f"Curves of the distillation loss over epochs, one per {level} of {name}."
    return Picture(
        "distillation_curves",
        "Distillation curves",
        caption,
        alt,
        tuple(data.lines()),
        partial(draw_curves, data),
    )


def _task_curves_picture(data: TaskCurves) -> Picture:
    names = ", ".join(curve.series for curve in data.curves)
    caption = (
        f"Fig. 4 of the paper: {data.label} by epoch of fine-tuning at {data.level}, mean over"
        f" seeds, of {names}. {INTERVALS}. The validation set is a fixed part of the training set."
    )
    return Picture(
        "validation_curves",
        "Validation accuracy while fine-tuning",
        caption,
        f"Curves of {data.label} over epochs, one per series: {names}.",
        tuple(data.lines()),
        partial(draw_task_curves, data),
    )
