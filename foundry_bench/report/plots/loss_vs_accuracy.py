"""A loss or error of distillation against a result: the paper's Fig. 2."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from foundry_bench import results
from foundry_bench.report.plots.answers import (
    SYMBOLS,
    Answer,
    capital,
    is_search,
    main_level,
    of_distillation,
    shown_answers,
    with_line_names,
)
from foundry_bench.report.plots.baselines import (
    FAR,
    baseline_words,
    draw_baselines,
    interval_words,
    near_limits,
    summarize_baselines,
)
from foundry_bench.report.plots.plot import Plot
from foundry_bench.report.plots.theme import (
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

FAR_OF_ONE = 4.0  # as FAR, where main students have one level: spans are those of its seeds

DECADE = 10.0  # a ratio from which on the errors have a logarithmic axis

ERRORS = {
    "distill_loss": ("loss", "mean training loss of the last epoch"),
    "heldout_nmse": (
        "nmse",
        "mean squared error on the task's test clouds over each token's own variance: 1 is a"
        " prediction of its mean",
    ),
}
"""Metric of distillation -> its part of file names, and what it is."""


@dataclass(frozen=True)
class Relation:
    """Runs with both numbers, `x` and `y`, their means with intervals, and the baselines."""

    x: Answer
    y: Answer
    level: str
    runs: pd.DataFrame
    means: pd.DataFrame
    baselines: pd.DataFrame
    correlations: pd.DataFrame
    styles: SeriesStyles


def plot(sweep: SweepResults) -> Iterator[Plot]:
    """Distillation loss and held-out error, each against the preferred result."""
    answers = shown_answers(sweep)
    if not answers or is_search(sweep):
        return
    for metric in ERRORS:
        found = relate(sweep.frame, metric, answers[0])
        if found is not None:
            yield _plot(found)


def relate(frame: pd.DataFrame, metric: str, y: Answer) -> Relation | None:
    """`metric` of distillation against `y`, by run; None where it says nothing.

    So it is without students that have both, for losses of several kinds, and for levels of one
    series that share a distillation (token budgets). Ablations are left out beside more than
    eight series.
    """
    students = frame[frame["role"] != "baseline"]
    x = of_distillation(students, metric)
    if x is None:
        return None
    if (
        metric == "distill_loss"
        and len(x.rows(students)[["loss_name", "target_norm"]].drop_duplicates()) > 1
    ):
        return None
    answers = students[students["task"] == y.task]
    level = main_level(y.rows(answers))
    ys = with_line_names(y.rows(answers), level)
    if ys["line"].nunique() > MAX_SERIES:
        ys = ys[ys["role"] == "main"]
    if ys.empty or ys["line"].nunique() > MAX_SERIES:
        return None
    errors = x.rows(students[students["variant"] != "inference_only"])
    runs = ys.rename(columns={"value": "y"}).merge(
        errors[["trial", "variant", "value"]].rename(columns={"value": "x"}),
        on=["trial", "variant"],
    )
    main = runs[runs["role"] == "main"]
    by_line = main.groupby(["line", "seed"])
    if runs.empty or (by_line["x"].nunique().max() == 1 and by_line[level].nunique().max() > 1):
        return None
    by = ["role", "variant", "series", "line", level]
    of_x, of_y = (
        results.summarize(runs.assign(value=runs[name], metric=name), by=by).rename(
            columns={"mean": name, "low": f"{name}_low", "high": f"{name}_high"}
        )
        for name in ("x", "y")
    )
    means = of_y.merge(of_x[[*by, "x", "x_low", "x_high"]], on=by)
    correlations = results.correlation(frame, x=metric, y=y.metric, task=y.task, level=level)
    baselines = summarize_baselines(frame, y)
    styles = series_styles(frame, list(runs["line"]))
    return Relation(x, y, level, runs, means, baselines, correlations, styles)


def _plot(data: Relation) -> Plot:
    short, what = ERRORS[data.x.metric]
    is_paper = data.x.metric == "distill_loss" and data.runs["supertokens"].nunique() > 1
    lead = "Fig. 2 of the paper: " if is_paper else ""
    title = f"{capital(data.x.label)} against {data.y.label}"
    intervals = interval_words(data.means["n"])
    caption = (
        f"{lead}{capital(data.x.label)} ({what}) against {data.y.label}. A small point is a run, a"
        f" large one the mean over its seeds. {intervals}, both ways."
        f"{baseline_words(data.baselines)}{rho_words(data.correlations)}"
    )
    columns = ["role", "series", "line", data.level, "seed", "n", "x", "x_low", "x_high", "y"]
    lines = [
        data.runs.assign(what="run", n=1),
        data.means.assign(what="mean"),
        data.baselines.rename(columns={"mean": "y", "low": "y_low", "high": "y_high"}).assign(
            what="baseline", line=data.baselines["name"]
        ),
    ]
    table = pd.concat([each.dropna(axis="columns", how="all") for each in lines])
    return Plot(
        name=f"{short}_vs_{data.y.slug}",
        title=title,
        caption=caption,
        data=table.reindex(columns=["what", *columns, "y_low", "y_high"]),
        draw=partial(draw, data),
    )


def rho_words(correlations: pd.DataFrame) -> str:
    """Spearman's rho of each main series, as a sentence; empty if there is none."""
    texts = []
    line: Any
    for line in correlations.itertuples():
        bounds = f" [{line.low:.2f}, {line.high:.2f}]" if math.isfinite(line.low) else ""
        name = f"{line.series}: " if len(correlations) > 1 else ""
        texts.append(f"{name}{line.rho:.2f}{bounds} over {line.n} runs")
    text = "; ".join(texts).replace("-", "\N{MINUS SIGN}")
    return f" Spearman's ρ of main students: {text}." if texts else ""


def draw(data: Relation) -> Figure:
    """Colour by level where there are several, else by series; a marker per series."""
    styles = data.styles
    num_rows = -(-len(styles.order) // legend_columns(styles.order))
    figure = new_figure(2.7 + 0.15 * num_rows)
    axes = figure.add_subplot()
    levels = sorted({float(level) for level in data.runs[data.level].dropna()})
    has_several = len(levels) > 1
    palette: dict[Any, str] = {**(level_palette(levels) if has_several else styles.palette)}
    hue: dict[str, Any] = {"hue": data.level if has_several else "line", "palette": palette}
    common: dict[str, Any] = {"x": "x", "y": "y", **hue, "style": "line", "markers": styles.markers}
    common |= {"style_order": styles.order, "legend": False, "ax": axes}
    runs, means = (
        each.assign(**{data.level: each[data.level].astype(float)})
        for each in (data.runs, data.means)
    )
    sns.lineplot(
        means[means["role"] == "main"].sort_values(data.level), x="x", y="y", units="line",
        estimator=None, color=SOFT, linewidth=0.7, alpha=0.6, sort=False, ax=axes, zorder=2,
    )  # fmt: skip
    line: Any
    for line in means.itertuples():
        level = getattr(line, data.level)
        colour = palette.get(level, SOFT) if has_several else palette[line.line]
        looks: dict[str, Any] = {"color": colour, "linewidth": 0.9, "zorder": 2.5}
        axes.hlines(line.y, line.x_low, line.x_high, **looks)
        axes.vlines(line.x, line.y_low, line.y_high, **looks)
    sns.scatterplot(runs, **common, s=9, alpha=0.55, linewidth=0, zorder=3)
    sns.scatterplot(means, **common, s=38, edgecolor="white", linewidth=0.6, zorder=4)
    _set_limits(axes, data)
    axes.set(xlabel=data.x.axis, ylabel=data.y.axis)
    _put_legends(figure, data, levels if has_several else [], palette, styles.markers)
    return figure


def _set_limits(axes: Axes, data: Relation) -> None:
    """Main students, and what lies near them, fill the axes; means off scale are named."""
    limits = {}
    main_levels = data.means.loc[data.means["role"] == "main", data.level]
    far = FAR if main_levels.nunique() > 1 else FAR_OF_ONE
    for name in ("x", "y"):
        columns = [name, f"{name}_low", f"{name}_high"]
        ends = pd.concat(
            [data.means.melt("role", columns), data.runs.melt("role", [name])], ignore_index=True
        ).dropna(subset="value")
        main = ends["role"] == "main"
        values, others = ends.loc[main, "value"], ends.loc[~main, "value"]
        limits[name] = near_limits(list(values), list(others), far)
    draw_baselines(axes, data.baselines, limits["y"], data.y.decimals)
    fit_costs(axes, *limits["x"], log_from=DECADE)
    texts = list(_off_scale(data, axes.get_xlim(), axes.get_ylim()))
    axes.set_title("\n".join(texts), loc="left", fontsize=6.2, color=SOFT, linespacing=1.25, pad=3)


def _off_scale(
    data: Relation, xlim: tuple[float, float], ylim: tuple[float, float]
) -> Iterator[str]:
    """An arrow, the name and the place of each mean outside of the axes."""
    line: Any
    for line in data.means.itertuples():
        x, y = float(line.x), float(line.y)
        arrow = "← " if x < xlim[0] else "→ " if x > xlim[1] else ""
        arrow += "↓ " if y < ylim[0] else "↑ " if y > ylim[1] else ""
        if arrow:
            level = getattr(line, data.level)
            words = "" if pd.isna(level) else f", {SYMBOLS[data.level]} = {level:g}"
            yield f"{arrow}{line.line}{words}: {x:.3g}, {y:.{data.y.decimals}f} {data.y.unit}"


def _put_legends(
    figure: Figure,
    data: Relation,
    levels: list[float],
    palette: dict[Any, str],
    markers: dict[str, str],
) -> None:
    """Levels above the axes, series below them."""
    if levels:
        shown = levels[:: -(-len(levels) // MAX_SERIES)]
        keys = [Line2D([], [], linestyle=""), *(marker_key(palette[level], "o") for level in shown)]
        names = [f"{SYMBOLS[data.level]} =", *(f"{level:g}" for level in shown)]
        add_legend(figure, "outside upper left", keys, names, len(keys))
    if len(markers) > 1:
        keys = [marker_key(SOFT if levels else palette[name], markers[name]) for name in markers]
        add_legend(figure, "outside lower left", keys, list(markers))
