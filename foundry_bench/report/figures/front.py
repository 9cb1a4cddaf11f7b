"""A result against what it costs, with the front of those that no other beats on both."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from foundry_bench.report.analysis.baselines import MAX_SERIES
from foundry_bench.report.analysis.fronts import Front, Point
from foundry_bench.report.figures.canvas import (
    INTERVALS,
    add_legend,
    add_series_legend,
    baseline_words,
    draw_baselines,
    draw_mean,
    focus,
    intervals_text,
    make_key,
    new_figure,
    note,
    without_common,
)
from foundry_bench.report.figures.style import INK, MARKERS, SOFT, level_colours
from foundry_bench.report.sections import Picture, picture
from foundry_bench.report.study.costs import Costs
from foundry_bench.report.study.levels import SUPERTOKENS
from foundry_bench.report.wording import and_list, capital

DECADE = 10.0
"""Costs further apart than this have a logarithmic axis."""

MOST_LETTERS = 52
"""Of a name that a legend has room for; where one is longer, the table beside the figure tells."""

CLOSE = 0.07
"""Shares of the axes within which two numbers would cover each other."""

MAX_NUMBERED = 9
"""Points of the front that have room for their numbers."""

ON_FRONT = {"markersize": 6.0, "markeredgewidth": 0.8, "elinewidth": 0.8, "zorder": 4.0}
BESIDE = {"markersize": 4.4, "markeredgewidth": 1.0, "elinewidth": 0.8, "zorder": 3.0}
"""Looks of points."""


def draw_front(data: Front) -> Figure:
    """A point a student with its intervals, filled on the front; the front as a line of steps."""
    figure = new_figure(3.1)
    axes = figure.add_subplot()
    main_first = sorted(data.points, key=lambda point: point.group.role != "main")
    names = list(dict.fromkeys(point.group.series for point in main_first))
    shown = dict(zip(names, without_common(names), strict=True))
    is_named = len(names) <= MAX_SERIES and max(map(len, shown.values())) <= MOST_LETTERS
    markers = {name: MARKERS[index if is_named else 0] for index, name in enumerate(names)}
    levels = [level for point in data.points if (level := _level(point)) is not None]
    colours = level_colours(SUPERTOKENS, levels) if levels else {}
    for point in data.points:
        level = _level(point)
        colour = SOFT if level is None else colours[level]
        is_on, marker = point.is_on_front, markers[point.group.series]
        looks = ON_FRONT if is_on else {**BESIDE, "alpha": 0.75}
        draw_mean(axes, point.cost, point.result, colour, marker, is_filled=is_on, **looks)
    _set_costs(axes, data)
    values = _values(data.points)
    draw_baselines(axes, data.baselines, focus(values, []), data.result.digits)
    _draw_steps(axes, data)
    _draw_teacher(axes, data)
    axes.set_xlabel(data.cost.axis)
    axes.set_ylabel(data.result.axis)
    note(axes, intervals_text([point.result.n for point in data.points]))
    _add_legends(figure, colours, {shown[name]: markers[name] for name in names if is_named})
    return figure


def _level(point: Point) -> float | None:
    return point.group.level.on(SUPERTOKENS)


def _values(points: Sequence[Point]) -> list[float]:
    return [
        value
        for point in points
        for value in (point.result.mean, point.result.low, point.result.high)
        if math.isfinite(value)
    ]


def _set_costs(axes: Axes, data: Front) -> None:
    """Limits that hold all students, and the teacher too if it is known."""
    costs = [point.cost.mean for point in data.points]
    costs += [] if data.teacher is None else [data.teacher[0].mean]
    low, high = min(costs), max(costs)
    if high > DECADE * low > 0:
        margin = (high / low) ** 0.06
        axes.set_xscale("log")
        axes.set_xlim(low / margin, high * margin)
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        margin = 0.06 * (high - low or high)
        axes.set_xlim(low - margin, high + margin)
        axes.xaxis.set_major_locator(MaxNLocator(5))


def _draw_steps(axes: Axes, data: Front) -> None:
    """The best result that can be had for a cost, and the numbers of those that give it."""
    front = data.front
    costs = [*(point.cost.mean for point in front), axes.get_xlim()[1]]
    results = [*(point.result.mean for point in front), front[-1].result.mean]
    axes.plot(
        costs, results, drawstyle="steps-post", color=INK, linewidth=1.1, alpha=0.8, zorder=2.5
    )
    if len(front) > MAX_NUMBERED:
        return
    taken: list[tuple[float, float]] = []
    for number, point in enumerate(front, 1):
        place = axes.transAxes.inverted().transform(
            axes.transData.transform((point.cost.mean, point.result.mean))
        )
        is_close = any(math.dist(place, other) < CLOSE for other in taken)
        taken.append((place[0], place[1]))
        axes.annotate(
            str(number),
            (point.cost.mean, point.result.mean),
            xytext=(5, -9) if is_close else (-5, 4),
            textcoords="offset points",
            ha="left" if is_close else "right",
            fontsize=6.5,
            fontweight="bold",
            color=INK,
            zorder=5,
        )


def _draw_teacher(axes: Axes, data: Front) -> None:
    """A star where the teacher stands, if the axes reach it."""
    if data.teacher is None:
        return
    cost, result = data.teacher
    bottom, top = axes.get_ylim()
    if bottom <= result.mean <= top:
        axes.plot(cost.mean, result.mean, marker="*", markersize=9, color=INK, zorder=4)


def _add_legends(figure: Figure, colours: dict[float, str], markers: dict[str, str]) -> None:
    keys = [make_key("front", INK, "", linestyle="-", linewidth=1.1)]
    if colours:
        counts = [make_key(f"{level:g}", colour) for level, colour in colours.items()]
        keys = [make_key(f"{SUPERTOKENS.symbol} =", marker=""), *counts, *keys]
    add_legend(
        figure, "outside upper left", keys, len(colours) + 2, handletextpad=0.2, columnspacing=0.6
    )
    if len(markers) > 1:
        add_series_legend(
            figure, [make_key(name, marker=marker) for name, marker in markers.items()]
        )


def picture_front(front: Front, costs: Costs, *, is_search: bool) -> Picture:
    """The picture of a front; `is_search`: the students were suggested by a search."""
    setup = costs.setups.get(front.cost)
    where = f", measured on {setup.device}" if setup else ", from patches to tokens, no head"
    star = " The star is the teacher." if front.teacher is not None else ""
    few = f" Left out for want of seeds: {and_list(front.few)}." if front.few else ""
    chosen = (
        " The settings were searched by these very numbers, so those of the front flatter it."
        if is_search
        else ""
    )
    title = f"{capital(front.result.label)} against {front.cost.label}"
    caption = (
        f"{title}{where}. A point is a student, the mean over its seeds, coloured by its"
        " SuperTokens s; filled where no student is as good for as little, which the line of steps"
        f" joins (numbers as in the table). {INTERVALS}.{star}{baseline_words(front.baselines)}"
        f"{few}{chosen}"
    )
    alt = f"{title}: {len(front.points)} students, {len(front.front)} of them on the front."
    name = f"{front.result.slug}_vs_{front.cost.slug}"
    return picture(name, title, caption, alt, front, draw_front)
