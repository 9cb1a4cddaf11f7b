"""A result against the number of SuperTokens."""

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from foundry_bench.report.figure_data import Level, Profile
from foundry_bench.report.figures.canvas import (
    draw_anchors,
    focus,
    intervals_text,
    legend_columns,
    new_figure,
    note,
)
from foundry_bench.report.style import MARKERS, SERIES

DODGE = 0.07
"""Steps of log2 s between series, so that their intervals do not cover each other."""


def draw_profile(data: Profile) -> Figure:
    """Mean and interval over seeds, a small point a run, a line a series; anchors as lines."""
    figure = new_figure(2.75)
    axes = figure.add_subplot()
    for index, (name, (role, levels)) in enumerate(data.series.items()):
        shift = DODGE * ((index + 1) // 2) * (1 if index % 2 else -1)
        _draw_series(axes, name, role == "main", levels, index, shift)
    limits = focus(*(_reach(data, is_main=is_main) for is_main in (True, False)))
    draw_anchors(axes, data.anchors, limits, data.y.digits)
    _name_far(axes, data)
    counts = sorted({level.supertokens for _, levels in data.series.values() for level in levels})
    axes.set_xticks([math.log2(count) for count in counts], [str(count) for count in counts])
    axes.set_xlim(math.log2(counts[0]) - 0.3, math.log2(counts[-1]) + 0.3)
    axes.set_xlabel("SuperTokens s")
    axes.set_ylabel(data.y.axis)
    numbers = [level.interval.n for _, levels in data.series.values() for level in levels]
    note(axes, intervals_text(numbers))
    if len(data.series) > 1:
        figure.legend(
            loc="outside upper left",
            ncols=legend_columns(list(data.series)),
            columnspacing=1.0,
            borderaxespad=0.0,
        )
    return figure


def _reach(data: Profile, *, is_main: bool) -> list[float]:
    return [
        bound
        for role, levels in data.series.values()
        for level in levels
        for bound in (*level.by_seed.values(), level.interval.low, level.interval.high)
        if (role == "main") == is_main and math.isfinite(bound)
    ]


def _name_far(axes: Axes, data: Profile) -> None:
    """The value of each mean that lies outside of the axes, at the edge."""
    bottom, top = axes.get_ylim()
    for index, (_, levels) in enumerate(data.series.values()):
        for level in levels:
            mean = level.interval.mean
            if not bottom <= mean <= top:
                arrow, edge = ("↓", 0.015) if mean < bottom else ("↑", 0.985)
                axes.text(
                    math.log2(level.supertokens),
                    edge,
                    f"{arrow} {data.y.text(mean)}",
                    transform=axes.get_xaxis_transform(),
                    ha="center",
                    va="bottom" if mean < bottom else "top",
                    fontsize=6.2,
                    color=SERIES[index % len(SERIES)],
                )


def _draw_series(
    axes: Axes, name: str, main: bool, levels: tuple[Level, ...], index: int, shift: float
) -> None:
    colour, marker = SERIES[index % len(SERIES)], MARKERS[index % len(MARKERS)]
    xs = [math.log2(level.supertokens) + shift for level in levels]
    face = colour if main else "white"
    axes.plot(
        xs,
        [level.interval.mean for level in levels],
        color=colour,
        marker=marker,
        markersize=4.6,
        label=name,
        markerfacecolor=face,
        markeredgewidth=1.0,
        linestyle="-" if main else (0, (3, 2)),
        linewidth=1.4 if main else 1.0,
        zorder=4,
    )
    for x, level in zip(xs, levels, strict=True):
        values = list(level.by_seed.values())
        axes.scatter(
            [x] * len(values), values, s=6, color=colour, alpha=0.4, linewidths=0, zorder=3
        )
        if level.interval.is_bounded:
            axes.vlines(
                x, level.interval.low, level.interval.high, color=colour, linewidth=1.0, zorder=3
            )
