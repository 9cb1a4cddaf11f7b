"""Results against MACs, weights and latency, and the students that no other beats on both."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from foundry_bench import results
from foundry_bench.report.plots.answers import Answer, capital, find_answers, is_search
from foundry_bench.report.plots.baselines import (
    baseline_words,
    draw_baselines,
    interval_words,
    summarize_baselines,
)
from foundry_bench.report.plots.costs import MACS, WEIGHTS, Cost, with_latency
from foundry_bench.report.plots.plot import Plot
from foundry_bench.report.plots.theme import (
    INK,
    MAX_SERIES,
    SOFT,
    SeriesStyles,
    add_legend,
    fit_costs,
    legend_columns,
    level_palette,
    marker_key,
    new_figure,
    series_styles,
)
from foundry_bench.report.sweep_results import SweepResults

MIN_STUDENTS = 3
"""Fewer are no front to look at."""

MAX_NUMBERED = 9
"""A front of more students has no numbers."""

CLOSE = 0.05
"""Numbers as near as this, as a share of the axes, would cover each other: one is left out."""

LOG_FROM = 4.0
"""A ratio of costs from which on they have a logarithmic axis."""

TELLING = 1.05
"""The largest cost over the least: below it, costs do not tell students apart."""


def plot(sweep: SweepResults) -> Iterator[Plot]:
    """The preferred result against each cost that tells at least three students apart."""
    answers = find_answers(sweep.frame)
    if not answers:
        return
    answer = answers[0]
    frame, timed = with_latency(sweep.frame, sweep.costs)
    baselines = summarize_baselines(frame, answer)
    for cost in (MACS, WEIGHTS, *timed):
        front = find_front(frame, answer, cost)
        if front is not None:
            data = _Front(front, answer, cost, baselines, _teacher_cost(frame, cost))
            yield _plot(data, frame, has_search=is_search(sweep))


def find_front(frame: pd.DataFrame, answer: Answer, cost: Cost) -> pd.DataFrame | None:
    """`results.pareto` with shown units; None without three students, or where costs are equal.

    None, too, for students of different data or training: none of them is better for that.
    """
    students = frame[frame["role"] != "baseline"]
    if answer.direction not in ("higher", "lower") or students[cost.column].notna().sum() == 0:
        return None
    front = results.pareto(frame, cost.column, answer.metric, task=answer.task)
    if len(front) < MIN_STUDENTS or front["ground"].nunique() > 1:
        return None
    if front["x"].max() <= TELLING * front["x"].min():
        return None
    scaled = {name: front[name] * answer.scale for name in ("y", "y_low", "y_high")}
    return front.assign(x=front["x"] * cost.scale, **scaled)


def _teacher_cost(frame: pd.DataFrame, cost: Cost) -> float:
    costs = frame.loc[frame["variant"] == "teacher", cost.column].dropna().unique()
    return float(costs[0]) * cost.scale if len(costs) == 1 else float("nan")


@dataclass(frozen=True)
class _Front:
    points: pd.DataFrame
    answer: Answer
    cost: Cost
    baselines: pd.DataFrame
    teacher_cost: float


def _plot(data: _Front, frame: pd.DataFrame, *, has_search: bool) -> Plot:
    answer, cost = data.answer, data.cost
    where = (
        f", measured on {cost.condition}" if cost.condition else ", from patches to tokens, no head"
    )
    star = " The star is the teacher." if np.isfinite(data.teacher_cost) else ""
    chosen = (
        " The settings were searched by these very numbers, so those of the front flatter it."
        if has_search
        else ""
    )
    title = f"{capital(answer.label)} against {cost.label}"
    intervals = interval_words(data.points["n"])
    caption = (
        f"{title}{where}. A point is a student, large where no other is as good for as little;"
        f" steps join these. {intervals}.{star}{baseline_words(data.baselines)}{chosen}"
    )
    table = pd.concat(
        [
            data.points.assign(what="student"),
            data.baselines.rename(columns={"mean": "y", "low": "y_low", "high": "y_high"})[
                ["role", "variant", "series", "n", "y", "y_low", "y_high"]
            ].assign(what="baseline"),
        ]
    )
    return Plot(
        name=f"{answer.slug}_vs_{cost.slug}",
        title=title,
        caption=caption,
        data=table.dropna(axis="columns", how="all"),
        draw=partial(draw, data, frame),
    )


def draw(data: _Front, frame: pd.DataFrame) -> Figure:
    """A point a student: colour by SuperTokens, marker by series of at most eight."""
    points = data.points.astype({"x": float})
    names = list(dict.fromkeys(points["series"]))
    is_named = 1 < len(names) <= MAX_SERIES
    styles = series_styles(frame, names)
    levels = sorted({float(level) for level in points["supertokens"].dropna()})
    has_levels = len(levels) > 1
    by_level: dict[Any, str] = {**level_palette(levels)}
    palette = by_level if has_levels else styles.palette if is_named else dict.fromkeys(names, INK)
    key = points["supertokens"].astype(float) if has_levels else points["series"]
    points = points.assign(colour=key.map(palette).fillna(SOFT))
    rows = -(-len(names) // legend_columns(names)) if is_named else 0
    figure = new_figure(2.6 + 0.15 * rows)
    axes = figure.add_subplot()
    points_on, points_off = (points[points["is_on_front"] == is_on] for is_on in (True, False))
    for several, alpha in ((points_off, 0.6), (points_on, 1.0)):
        axes.vlines(several["x"], several["y_low"], several["y_high"], color=several["colour"],
                    linewidth=0.9, alpha=alpha, zorder=2.8)  # fmt: skip
        marks = {name: styles.markers[name] if is_named else "o" for name in names}
        sns.scatterplot(
            several, x="x", y="y", style="series", markers=marks, legend=False, ax=axes,
            c=list(several["colour"]), s=34 if alpha == 1 else 20, alpha=alpha, zorder=3 + alpha,
            linewidth=0.5, edgecolor="white",
        )  # fmt: skip
    costs = np.asarray([*points["x"], data.teacher_cost])
    fit_costs(axes, float(np.nanmin(costs)), float(np.nanmax(costs)), log_from=LOG_FROM)
    ends = points[["y", "y_low", "y_high"]].to_numpy(dtype=float)
    draw_baselines(
        axes, data.baselines, (float(np.nanmin(ends)), float(np.nanmax(ends))), data.answer.decimals
    )
    teacher = data.baselines[data.baselines["variant"] == "teacher"]
    if np.isfinite(data.teacher_cost) and len(teacher) == 1:
        axes.plot(data.teacher_cost, float(teacher["mean"].iloc[0]), marker="*", markersize=9,
                  color=INK, zorder=4)  # fmt: skip
    stars = list(zip([data.teacher_cost], teacher["mean"].astype(float), strict=False))
    _draw_steps(axes, points_on, [star for star in stars if np.isfinite(star).all()])
    axes.set(xlabel=data.cost.axis, ylabel=data.answer.axis)
    _put_legends(figure, levels if has_levels else [], by_level, names if is_named else [], styles,
                 palette)  # fmt: skip
    return figure


def _draw_steps(axes: Axes, front: pd.DataFrame, stars: Sequence[tuple[float, float]]) -> None:
    """The best result for a cost, with the numbers of its students, which cover no star."""
    front = front.sort_values("place")
    xs = [*front["x"], axes.get_xlim()[1]]
    ys = [*front["y"], front["y"].iloc[-1]]
    axes.plot(xs, ys, drawstyle="steps-post", color=INK, linewidth=1.0, alpha=0.8, zorder=2.5)
    if len(front) > MAX_NUMBERED:
        return
    to_axes = axes.transData + axes.transAxes.inverted()
    taken = [tuple(to_axes.transform(star)) for star in stars]
    line: Any
    for line in front.itertuples():
        x, y = (float(place) for place in to_axes.transform((line.x, line.y)))
        for (dx, dy), side in (((-5, 3), "right"), ((5, -9), "left")):
            place = (x + dx / 180, y + dy / 130)
            if all(abs(place[0] - i) > CLOSE or abs(place[1] - j) > CLOSE for i, j in taken):
                taken.append(place)
                axes.annotate(
                    f"{line.place:g}", (line.x, line.y), xytext=(dx, dy), ha=side,
                    textcoords="offset points", fontsize=6.5, fontweight="bold", zorder=5,
                )  # fmt: skip
                break


def _put_legends(
    figure: Figure,
    levels: list[float],
    by_level: dict[Any, str],
    names: list[str],
    styles: SeriesStyles,
    palette: dict[Any, str],
) -> None:
    keys = [Line2D([], [], color=INK, linewidth=1.0)]
    texts = ["front"]
    if levels:
        keys += [marker_key(by_level[level]) for level in levels]
        texts += [f"s = {level:g}" for level in levels]
    add_legend(figure, "outside upper left", keys, texts, len(keys))
    if names:
        colours = dict.fromkeys(names, SOFT) if levels else palette
        keys = [marker_key(colours[name], styles.markers[name]) for name in names]
        add_legend(figure, "outside lower left", keys, names)
