"""A number over epochs: of distillation, a line a level; of a task, a line a series."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from foundry_bench.report.curves import Curves, TaskCurve, TaskCurves
from foundry_bench.report.figures.canvas import (
    focus,
    intervals_text,
    legend_columns,
    new_figure,
    note,
    without_common,
)
from foundry_bench.report.style import (
    ANCHOR_STYLES,
    MARKERS,
    OTHER_ANCHOR,
    SERIES,
    level_colours,
)

Dash = Any
"""A line style of matplotlib: a name, or an offset with lengths."""


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
