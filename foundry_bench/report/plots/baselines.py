"""Baselines in a figure: lines with bands, named beside the axes."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from numpy.typing import NDArray

from foundry_bench import results
from foundry_bench.report.plots.answers import Answer
from foundry_bench.report.plots.theme import BASELINES, baseline_style
from foundry_bench.results.statistics import MIN_SEEDS

FAR = 1.2
"""Ablations further from the main students than so many of their spans lie off scale."""

FAR_BASELINE = 0.3
"""Baselines further from the students than so many of their spans are named at the edge."""

FAR_TEACHER = 2.5
"""The same for the teacher, which a figure draws to scale if it can."""

MAX_BASELINES = 6


def summarize_baselines(frame: pd.DataFrame, answer: Answer) -> pd.DataFrame:
    """Mean and interval of each baseline that has `answer`, with its `name`; teachers first.

    Contexts that share the very result of a baseline (its stage) have one line.
    """
    rows = answer.rows(frame[frame["role"] == "baseline"])
    summary = results.summarize(rows)
    if summary.empty:
        return summary.assign(name=pd.Series(dtype="object"))
    places = {variant: place for place, variant in enumerate(BASELINES)}
    order = summary["variant"].map(places).fillna(len(places)).argsort(kind="stable")
    summary = summary.iloc[order].drop_duplicates(["variant", "supertokens", "mean", "low", "high"])
    is_alone = summary.groupby("variant")["variant"].transform("size") == 1
    is_merged = (
        is_alone & (rows.groupby("variant")["series"].nunique()[summary["variant"]] > 1).to_numpy()
    )
    summary = summary.head(MAX_BASELINES)
    several = summary.groupby("series")["supertokens"].transform("nunique") > 1
    names = [
        _name(variant, variant if merged else series) + (f", s = {count}" if is_one_of else "")
        for variant, series, count, is_one_of, merged in zip(
            *(summary[name] for name in ("variant", "series", "supertokens")),
            several,
            is_merged.head(MAX_BASELINES),
            strict=True,
        )
    ]
    return summary.assign(name=names)


def near_limits(
    values: Sequence[float], others: Sequence[float] = (), far: float = FAR
) -> tuple[float, float]:
    """The range of `values`, and of `others` within so many of its spans."""
    known = np.asarray([value for value in values or others if np.isfinite(value)])
    low, high = float(known.min()), float(known.max())
    bottom, top = _reach(low, high, far)
    near = [low, high, *(value for value in others if bottom <= value <= top)]
    return min(near), max(near)


def draw_baselines(
    axes: Axes, baselines: pd.DataFrame, values: tuple[float, float], decimals: int
) -> None:
    """Baselines as lines with bands, named at the right; far ones at the edge, with an arrow.

    Sets the y limits, so that `values` and the near baselines fill the axes.
    """
    low, high = values
    near = is_near(baselines, values)
    bounds = baselines.loc[near, ["mean", "low", "high"]].to_numpy(dtype=float).ravel()
    bounds = np.asarray([low, high, *bounds[np.isfinite(bounds)]])
    pad = 0.07 * (np.ptp(bounds) or 1.0)
    bottom, top = float(bounds.min() - pad), float(bounds.max() + pad)
    axes.set_ylim(bottom, top)
    texts, places, greys = [], [], []
    line: Any
    for line, is_drawn in zip(baselines.itertuples(), near, strict=True):
        grey, dash = baseline_style(str(line.variant))
        if is_drawn:
            axes.axhline(line.mean, color=grey, linestyle=dash, linewidth=1.1, zorder=1.5)
            if line.low < line.high:
                axes.axhspan(line.low, line.high, color=grey, alpha=0.10, linewidth=0, zorder=1)
        arrow = "" if is_drawn else "↓ " if line.mean < low else "↑ "
        texts.append(f"{arrow}{line.name}\n{number_text(line, decimals)}")
        places.append(min(max(line.mean, bottom), top))
        greys.append(grey)
    gap = 0.13 * (top - bottom)
    for text, place, grey in zip(texts, spread(places, gap, (bottom, top)), greys, strict=True):
        axes.annotate(
            text,
            (1.015, place),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=6,
            color=grey,
            linespacing=1.05,
            annotation_clip=False,
        )
    sns.despine(ax=axes)


def draw_upright_baselines(
    axes: Axes, baselines: pd.DataFrame, ends: NDArray[np.float64]
) -> "pd.Series[bool]":
    """Baselines near the students as upright lines with bands; sets the x limits.

    Args:
        axes: of results from left to right.
        baselines: of `summarize_baselines`.
        ends: means and intervals of students; NaN counts for nothing.

    Returns:
        which baselines are drawn.
    """
    values = float(np.nanmin(ends)), float(np.nanmax(ends))
    near = is_near(baselines, values)
    drawn = baselines[near]
    line: Any
    for line in drawn.itertuples():
        grey, dash = baseline_style(line.variant)
        axes.axvline(line.mean, color=grey, linestyle=dash, linewidth=1.1, zorder=1.5)
        if line.low < line.high:
            axes.axvspan(line.low, line.high, color=grey, alpha=0.10, linewidth=0, zorder=1)
    bounds = np.asarray([*values, *drawn[["mean", "low", "high"]].to_numpy(dtype=float).ravel()])
    low, high = float(np.nanmin(bounds)), float(np.nanmax(bounds))
    pad = 0.05 * (high - low or 1.0)
    axes.set_xlim(low - pad, high + pad)
    return near


def is_near(baselines: pd.DataFrame, values: tuple[float, float]) -> "pd.Series[bool]":
    """Which baselines lie near the range of students `values`, and are drawn to scale."""
    far = baselines["variant"].map(lambda name: FAR_TEACHER if name == "teacher" else FAR_BASELINE)
    reach = [_reach(*values, each) for each in far]
    means = baselines["mean"]
    return pd.Series(
        [bottom <= mean <= top for (bottom, top), mean in zip(reach, means, strict=True)],
        index=baselines.index,
        dtype=bool,
    )


def number_text(line: Any, decimals: int) -> str:
    """Mean, half the interval and n of a summary's row."""
    text = f"{line.mean:.{decimals}f}"
    if line.is_constant:
        return f"{text} (deterministic)"
    if line.high > line.mean:
        text += f" ± {line.high - line.mean:.{decimals}f}"
    return f"{text} (n={line.n})"


def interval_words(counts: Iterable[int]) -> str:
    """What bars and bands of a figure are, over how many seeds, for captions.

    Args:
        counts: `n` of its means.
    """
    numbers = sorted(int(count) for count in counts)
    low, high = numbers[0], numbers[-1]
    seeds = (
        f"n = {low} seed{'s' if low != 1 else ''}" if low == high else f"n = {low} to {high} seeds"
    )
    if high < MIN_SEEDS:
        return f"Means over {seeds}, too few for intervals"
    few = " (none below three)" if low < MIN_SEEDS else ""
    return f"Bars and bands are 95 % Student-t intervals over {seeds}{few}"


def baseline_words(baselines: pd.DataFrame) -> str:
    """A sentence for captions; empty without baselines."""
    if baselines.empty:
        return ""
    return " Grey lines: baselines (an arrow: off scale)."


def spread(places: Sequence[float], gap: float, limits: tuple[float, float]) -> list[float]:
    """`places` moved as little as needed to lie `gap` apart, inside `limits` if they all fit."""
    order = np.argsort(np.asarray(places), kind="stable")
    moved = [0.0] * len(places)
    floor = limits[0]
    for index in order:
        moved[index] = max(places[index], floor)
        floor = moved[index] + gap
    ceiling = limits[1]
    for index in order[::-1]:
        moved[index] = min(moved[index], ceiling)
        ceiling = moved[index] - gap
    return moved


def _name(variant: str, series: str) -> str:
    """What a figure calls a baseline: its name, and what tells it from others of that name."""
    if variant not in BASELINES:
        return series
    details = series.partition(", ")[2]
    name = BASELINES[variant][0]
    if details.startswith(f"{name} "):
        return details
    return f"{name}, {details}" if details else name


def _reach(low: float, high: float, far: float) -> tuple[float, float]:
    span = max(high - low, 1e-3 * max(abs(high), 1e-3))
    return low - far * span, high + far * span
