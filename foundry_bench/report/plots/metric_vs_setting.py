"""Results against SuperTokens, token budget (Fig. 3), gate weight (Fig. 5) or another number."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FixedLocator,
    FuncFormatter,
    LogFormatter,
    LogLocator,
    NullLocator,
)

from foundry_bench import results
from foundry_bench.report.plots.answers import (
    SYMBOLS,
    Answer,
    capital,
    is_search,
    measurements,
    shown_answers,
    with_line_names,
)
from foundry_bench.report.plots.baselines import (
    baseline_words,
    interval_words,
    summarize_baselines,
)
from foundry_bench.report.plots.errorbars import t_interval
from foundry_bench.report.plots.lines import (
    BAND,
    draw_beside,
    line_looks,
    new_lines_figure,
    put_legend,
)
from foundry_bench.report.plots.plot import Plot
from foundry_bench.report.plots.theme import (
    MAX_SERIES,
    SOFT,
    SeriesStyles,
    series_styles,
    thin_ticks,
)
from foundry_bench.report.sweep_results import SweepResults

MAX_TICKS = 8


@dataclass(frozen=True)
class Setting:
    """A number that varies along the horizontal axis.

    Attributes:
        column: of the frame.
        label: of the axis.
        scale: `log2` of a count, `log` of a weight (0 stands apart), or `linear`.
        lead: the figure of the paper, at the start of the caption.
        parts: levels that vary along with it.
    """

    column: str
    label: str
    scale: str = "log2"
    lead: str = ""
    parts: tuple[str, ...] = ()


SUPERTOKENS = Setting("supertokens", "SuperTokens s")
BUDGET = Setting(
    "budget", "token budget (most that enter the encoder)", lead="Fig. 3 of the paper: "
)
GATE_LAMBDA = Setting(
    "gate_lambda", "weight λ of the gate's loss", "log", lead="Fig. 5 of the paper: "
)
LAMBDA_TO_EPS = Setting("lambda_to_eps", "λ over Adam's ε", "log", parts=("gate_lambda",))

KNOWN = (SUPERTOKENS, BUDGET, GATE_LAMBDA, LAMBDA_TO_EPS)
_OWN_FIGURE = ("data.train", "data.unlabelled", "train.distill.eps")
"""Axes that a figure or a column of their own shows."""


def plot(sweep: SweepResults) -> Iterator[Plot]:
    """Each headline result along each setting that varies within a series, up to eight lines."""
    if is_search(sweep):
        return
    frame = with_ratio(sweep.frame)
    for answer in shown_answers(sweep):
        rows = answer.rows(frame[frame["role"] != "baseline"])
        baselines = summarize_baselines(frame, answer)
        for setting in (*KNOWN, *other_settings(rows, sweep.frame.attrs["axes"])):
            if not (lines := lines_along(rows, setting)).empty:
                styles = series_styles(frame, list(lines["line"]))
                yield _plot(answer, setting, lines, baselines, styles)


def with_ratio(frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` with `lambda_to_eps`, if several ε make that another axis than λ."""
    ratio = frame["gate_lambda"] / frame["eps"]
    if frame.loc[frame["gate_lambda"].notna(), "eps"].nunique() < 2:
        ratio = ratio.where(ratio.isna(), np.nan)
    return frame.assign(lambda_to_eps=ratio.astype("Float64"))


def other_settings(rows: pd.DataFrame, axes: list[str]) -> list[Setting]:
    """The numeric axis of main students that is no level, if there is exactly one."""
    main = rows[rows["role"] == "main"]
    found = [
        path
        for path in axes
        if path not in _OWN_FIGURE
        and path.rpartition(".")[2] not in SYMBOLS
        and pd.api.types.is_numeric_dtype(main[path])
        and not pd.api.types.is_bool_dtype(main[path])
        and main[path].nunique() > 1
    ]
    return [Setting(path, path.replace("_", " "), "linear") for path in found if len(found) == 1]


def lines_along(rows: pd.DataFrame, setting: Setting) -> pd.DataFrame:
    """The rows that have `setting`, each with its `line`; none without a line of two points.

    More than eight lines are none either: a ranking shows those.
    """
    rows = rows[rows[setting.column].notna()]
    if setting in KNOWN:
        rows = with_line_names(rows, setting.column, parts=setting.parts)
    else:  # it made the series: these would be points
        rows = with_line_names(rows.assign(series=rows["variant"].str.replace("_", " ")), "")
    points = rows.groupby("line")[setting.column].nunique()
    if points.max() < 2 or len(points) > MAX_SERIES or rows.empty:
        return rows.head(0)
    return rows


def _plot(
    answer: Answer,
    setting: Setting,
    lines: pd.DataFrame,
    baselines: pd.DataFrame,
    styles: SeriesStyles,
) -> Plot:
    by = list(dict.fromkeys(["role", "variant", "line", "series", setting.column]))
    summary = results.summarize(lines, by=[*by, *_more(setting)])
    data = pd.concat([summary, baselines]).dropna(axis="columns", how="all")
    names = ", ".join(dict.fromkeys(lines["line"]))
    scales = {"log2": " (log scale)", "log": " (log scale, 0 apart)"}
    intervals = interval_words(summary["n"])
    caption = (
        f"{setting.lead}{capital(answer.label)} against {setting.label}"
        f"{scales.get(setting.scale, '')}: {names}. {intervals}, small points are runs."
        f"{_inference_words(lines)}{baseline_words(baselines)}"
    )
    against = {"supertokens": "SuperTokens", "budget": "token budget", "gate_lambda": "λ"}
    word = against.get(setting.column, setting.label.rpartition(".")[2])
    return Plot(
        name=f"{answer.slug}_vs_{setting.column.replace('.', '_')}",
        title=f"{capital(answer.label)} against {word}",
        caption=caption,
        data=data,
        draw=partial(draw, answer, setting, lines, baselines, styles),
    )


def _more(setting: Setting) -> tuple[str, ...]:
    return ("gate_lambda", "eps") if setting == LAMBDA_TO_EPS else ()


def _inference_words(lines: pd.DataFrame) -> str:
    if "inference_only" not in set(lines["variant"]):
        return ""
    return (
        " Inference only: fine-tuned at the largest budget, then given a smaller one without"
        " further training."
    )


def draw(
    answer: Answer,
    setting: Setting,
    lines: pd.DataFrame,
    baselines: pd.DataFrame,
    styles: SeriesStyles,
) -> Figure:
    """Mean and interval over seeds of each line, a small point per run, baselines as lines."""
    figure, axes = new_lines_figure(styles)
    data = measurements(lines)
    data = data.assign(x=data[setting.column].astype(float), y=data["value"].astype(float))
    _set_scale(axes, setting, data["x"])
    looks = line_looks(styles)
    sns.lineplot(data, **looks, dashes=False, errorbar=t_interval, err_kws=BAND, ax=axes, zorder=3)
    draw_beside(axes, data, baselines, answer, styles)
    axes.set(xlabel=setting.label)
    put_legend(figure, axes)
    return figure


def _set_scale(axes: Axes, setting: Setting, values: "pd.Series[float]") -> None:
    levels = np.sort(values.unique())
    positive = levels[levels > 0]
    has_zero = len(positive) < len(levels)
    if setting.scale == "log" and not has_zero and len(levels) > MAX_TICKS:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(numticks=5))
        axes.xaxis.set_major_formatter(LogFormatter())
        return
    if setting.scale == "log2" and not has_zero:
        axes.set_xscale("log", base=2)
    elif setting.scale == "log" and len(positive):
        # 0 stands a decade left of the smallest weight.
        axes.set_xscale("symlog", linthresh=positive[0], linscale=1.0)
        if has_zero:
            axes.axvline(positive[0] / 2, color=SOFT, linewidth=0.8, linestyle=":", zorder=1)
    ticks = thin_ticks(list(levels), 0.06, is_log=setting.scale != "linear" and not has_zero)
    axes.xaxis.set_major_locator(FixedLocator(ticks[:: -(-len(ticks) // MAX_TICKS)]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
