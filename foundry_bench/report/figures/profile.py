"""A result along an axis: SuperTokens, token budget, λ of the gate, with the tokens it keeps."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from foundry_bench.report.figures.canvas import (
    draw_anchors,
    focus,
    intervals_text,
    legend_columns,
    new_figure,
    note,
)
from foundry_bench.report.levels import Axis
from foundry_bench.report.profiles import GateProfile, Mark, Profile
from foundry_bench.report.style import MARKERS, SERIES, SOFT

DODGE, MOST_DODGED = 0.07, 0.21
"""Steps of log2 s between series, so that their intervals do not cover each other: less where there
are many series.
"""

MAX_TICKS = 8

Places = Mapping[float, float]


def draw_profile(data: Profile) -> Figure:
    """Mean and interval over seeds, a small point a run, a line a series; anchors as lines."""
    figure = new_figure(2.75)
    axes = figure.add_subplot()
    places = _places(data)
    _draw_lines(axes, data, list(data.series), places)
    limits = focus(_reach(data, is_main=True), _reach(data, is_main=False))
    draw_anchors(axes, data.anchors, limits, data.y.digits)
    _name_far(axes, data, places)
    _set_axis(axes, data.axis, places)
    axes.set_ylabel(data.y.axis)
    note(axes, intervals_text(_counts(data)))
    _add_legend(figure, data)
    return figure


def draw_gate_profile(data: GateProfile) -> Figure:
    """The result above the kept tokens, along the same axis."""
    figure = new_figure(4.0)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1.6, 1.0))
    places = _places(data.result) | _places(data.kept)
    names = list(data.result.series)
    for axes, each in ((above, data.result), (below, data.kept)):
        _draw_lines(axes, each, names, places)
        axes.set_ylabel(each.y.axis)
    limits = focus(_reach(data.result, is_main=True), _reach(data.result, is_main=False))
    draw_anchors(above, data.result.anchors, limits, data.result.y.digits)
    _name_far(above, data.result, places)
    note(above, intervals_text(_counts(data.result)))
    most = max(mark.interval.mean for _, marks in data.kept.series.values() for mark in marks)
    if data.num_tokens is not None:
        below.axhline(data.num_tokens, color=SOFT, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
        most = max(most, data.num_tokens)
    below.set_ylim(-0.05 * (most or 1.0), 1.08 * (most or 1.0))
    for axes in (above, below):
        _set_axis(axes, data.result.axis, places)
    above.set_xlabel("")
    _add_legend(figure, data.result)
    return figure


def _places(data: Profile) -> dict[float, float]:
    return data.axis.places(mark.x for _, marks in data.series.values() for mark in marks)


def _counts(data: Profile) -> list[int]:
    return [mark.interval.n for _, marks in data.series.values() for mark in marks]


def _set_axis(axes: Axes, axis: Axis, places: Places) -> None:
    """Ticks and limits along `axis`: every count; of weights 0 and the powers of ten."""
    low, high = min(places.values()), max(places.values())
    ticks = {place: f"{level:g}" for level, place in places.items()}
    decades = range(math.ceil(min(_positive(places), default=low)), math.floor(high) + 1)
    if not axis.is_count and len(decades) > 1:
        step = math.ceil(len(decades) / MAX_TICKS)
        ticks = {float(power): f"$10^{{{power}}}$" for power in decades[::step]}
        if 0 in places:
            ticks[places[0]] = "0"
    axes.set_xticks(list(ticks), list(ticks.values()))
    if 0 in places and len(places) > 1:
        axes.axvline(places[0] + 0.5, color=SOFT, linewidth=0.8, linestyle=(0, (1, 2)), zorder=1)
    axes.set_xlim(low - 0.3, high + 0.3)
    axes.set_xlabel(axis.label)


def _positive(places: Places) -> list[float]:
    return [place for level, place in places.items() if level > 0]


def _add_legend(figure: Figure, data: Profile) -> None:
    if len(data.series) > 1:
        figure.legend(
            *figure.axes[0].get_legend_handles_labels(),
            loc="outside upper left",
            ncols=legend_columns(list(data.series)),
            columnspacing=1.0,
            borderaxespad=0.0,
        )


def _reach(data: Profile, *, is_main: bool) -> list[float]:
    return [
        bound
        for role, marks in data.series.values()
        for mark in marks
        for bound in (*mark.by_seed.values(), mark.interval.low, mark.interval.high)
        if (role == "main") == is_main and math.isfinite(bound)
    ]


def _name_far(axes: Axes, data: Profile, places: Places) -> None:
    """The value of each mean that lies outside of the axes, at the edge."""
    bottom, top = axes.get_ylim()
    for index, (_, marks) in enumerate(data.series.values()):
        for mark in marks:
            mean = mark.interval.mean
            if not bottom <= mean <= top:
                arrow, edge = ("↓", 0.015) if mean < bottom else ("↑", 0.985)
                axes.text(
                    places[mark.x],
                    edge,
                    f"{arrow} {data.y.text(mean)}",
                    transform=axes.get_xaxis_transform(),
                    ha="center",
                    va="bottom" if mean < bottom else "top",
                    fontsize=6.2,
                    color=SERIES[index % len(SERIES)],
                )


def _draw_lines(axes: Axes, data: Profile, names: Sequence[str], places: Places) -> None:
    """All series; `names` says which style each has."""
    for name, (role, marks) in data.series.items():
        index = names.index(name)
        step = min(DODGE, MOST_DODGED / len(data.series))
        shift = step * ((index + 1) // 2) * (1 if index % 2 else -1)
        xs = [places[mark.x] + shift for mark in marks]
        _draw_series(axes, name, role == "main", marks, index, xs)


def _draw_series(
    axes: Axes, name: str, main: bool, marks: Sequence[Mark], index: int, xs: Sequence[float]
) -> None:
    colour, marker = SERIES[index % len(SERIES)], MARKERS[index % len(MARKERS)]
    face = colour if main else "white"
    axes.plot(
        xs,
        [mark.interval.mean for mark in marks],
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
    for x, mark in zip(xs, marks, strict=True):
        values = list(mark.by_seed.values())
        axes.scatter(
            [x] * len(values), values, s=6, color=colour, alpha=0.4, linewidths=0, zorder=3
        )
        if mark.interval.is_bounded:
            axes.vlines(
                x, mark.interval.low, mark.interval.high, color=colour, linewidth=1.0, zorder=3
            )
