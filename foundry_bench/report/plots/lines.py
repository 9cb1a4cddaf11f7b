"""Lines of means along a number, with bands, runs and a legend."""

from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from foundry_bench import results
from foundry_bench.report.plots.answers import Answer
from foundry_bench.report.plots.baselines import draw_baselines, near_limits
from foundry_bench.report.plots.errorbars import t_interval
from foundry_bench.report.plots.theme import (
    SeriesStyles,
    add_legend,
    legend_columns,
    new_figure,
)

BAND = {"alpha": 0.13, "linewidth": 0}
"""Looks of an interval over a line, as `err_kws=`."""


def new_lines_figure(styles: SeriesStyles) -> tuple[Figure, Axes]:
    """A figure with room for the lines' names above its axes."""
    figure = new_figure(2.4 + 0.14 * -(-len(styles.order) // legend_columns(styles.order)))
    return figure, figure.add_subplot()


def line_looks(styles: SeriesStyles) -> dict[str, Any]:
    """Columns and styles of `seaborn.lineplot` and `scatterplot` for data with `line`, `x`, `y`."""
    return {
        "x": "x",
        "y": "y",
        "hue": "line",
        "hue_order": styles.order,
        "palette": styles.palette,
        "style": "line",
        "style_order": styles.order,
        "markers": styles.markers,
    }


def draw_beside(
    axes: Axes, data: pd.DataFrame, baselines: pd.DataFrame, answer: Answer, styles: SeriesStyles
) -> None:
    """Beside lines that are drawn: runs as small points, intervals of lone points, baselines.

    Args:
        axes: with the scale of its horizontal axis set.
        data: measurements with `line`, `x` and `y`.
        baselines: of `summarize_baselines`.
        answer: what is drawn.
        styles: of the lines.
    """
    common = {**line_looks(styles), "ax": axes, "legend": False}
    # A band over one point has no width.
    is_point = data.groupby("line")["x"].transform("nunique") == 1
    if is_point.any():
        sns.lineplot(data[is_point], **common, dashes=False, errorbar=t_interval, err_style="bars",
                     err_kws={"linewidth": 0.9}, zorder=2.8)  # fmt: skip
    sns.scatterplot(data, **common, s=9, alpha=0.45, linewidth=0, zorder=2.5)
    draw_baselines(axes, baselines, _limits_of(data), answer.decimals)
    axes.set(ylabel=answer.axis)


def put_legend(figure: Figure, axes: Axes) -> None:
    """The lines' names above the axes; none for one line."""
    handles, names = axes.get_legend_handles_labels()
    if (legend := axes.get_legend()) is not None:
        legend.remove()
    if len(names) > 1:
        add_legend(figure, "outside upper left", handles, names)


def _limits_of(data: pd.DataFrame) -> tuple[float, float]:
    """The range of the main students, and of others near them; of all if none is main."""
    summary = results.summarize(data, by=["role", "line", "x"])
    ends = summary.melt(id_vars="role", value_vars=["mean", "low", "high"])
    ends = pd.concat([ends[["role", "value"]], data[["role", "value"]]]).dropna()
    main = ends["role"] == "main"
    return near_limits(list(ends.loc[main, "value"]), list(ends.loc[~main, "value"]))
