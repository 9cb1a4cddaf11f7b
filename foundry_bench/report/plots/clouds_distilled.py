"""Results against the number of clouds that students were distilled on."""

from collections.abc import Iterator
from functools import partial

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from foundry_bench import results
from foundry_bench.report.plots.answers import (
    SYMBOLS,
    Answer,
    capital,
    is_search,
    measurements,
    shown_answers,
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
    series_styles,
    thin_ticks,
)
from foundry_bench.report.sweep_results import SweepResults

ALONG = "distill_clouds"
LABEL = "clouds distilled on"


def plot(sweep: SweepResults) -> Iterator[Plot]:
    """Each headline result against the clouds distilled on, where their number varies."""
    if is_search(sweep):
        return
    students = sweep.frame[sweep.frame["role"] != "baseline"]
    for answer in shown_answers(sweep):
        rows = answer.rows(students)
        lines = with_lines(rows[rows[ALONG].notna()], sweep.frame.attrs["axes"])
        points = lines.groupby("line")[ALONG].nunique()
        if points.empty or points.max() < 2 or len(points) > MAX_SERIES:
            continue
        yield _plot(answer, lines, summarize_baselines(sweep.frame, answer))


def with_lines(rows: pd.DataFrame, axes: list[str]) -> pd.DataFrame:
    """`rows` with a column `line`: the variant, and what varies at one number of clouds.

    A series of the frame has one number of clouds, so it is no line.
    """
    words = {"assignment": "", **{level: f"{symbol} = " for level, symbol in SYMBOLS.items()}}
    for path in axes:
        short = path.removesuffix(".name").rpartition(".")[2]
        if short not in (*words, "student"):  # the variant names the student
            words[path] = f"{short.replace('_', ' ')} "
    names = rows["variant"].astype(str).str.replace("_", " ")
    for column, lead in words.items():
        at_one = rows.groupby(["role", "variant", ALONG])[column].transform("nunique")
        is_varied = at_one.groupby([rows["role"], rows["variant"]]).transform("max") > 1
        texts = [f", {lead}{value}" for value in rows[column]]
        is_named = is_varied & rows[column].notna()
        names = names + pd.Series(texts, index=rows.index, dtype="object").where(is_named, "")
    return rows.assign(line=names)


def _plot(answer: Answer, lines: pd.DataFrame, baselines: pd.DataFrame) -> Plot:
    names = list(dict.fromkeys(lines["line"]))
    summary = results.summarize(lines, by=["role", "variant", "line", ALONG])
    summary = summary.sort_values(["line", ALONG], kind="stable")
    intervals = interval_words(summary["n"])
    caption = (
        f"{capital(answer.label)} against the number of {LABEL} (log scale): {', '.join(names)}."
        f" {intervals}, small points are runs.{baseline_words(baselines)}"
    )
    return Plot(
        name=f"{answer.slug}_vs_{ALONG}",
        title=f"{capital(answer.label)} against {LABEL}",
        caption=caption,
        data=pd.concat([summary, baselines]).dropna(axis="columns", how="all"),
        draw=partial(draw, answer, lines, baselines),
    )


def draw(answer: Answer, lines: pd.DataFrame, baselines: pd.DataFrame) -> Figure:
    """Mean and interval over seeds of each line, a small point per run, baselines as lines."""
    styles = series_styles(lines.assign(series=lines["line"]))
    figure, axes = new_lines_figure(styles)
    data = measurements(lines)
    data = data.assign(x=data[ALONG].astype(float), y=data["value"].astype(float))
    axes.set_xscale("log")
    looks = line_looks(styles)
    sns.lineplot(data, **looks, dashes=False, errorbar=t_interval, err_kws=BAND, ax=axes, zorder=3)
    draw_beside(axes, data, baselines, answer, styles)
    axes.xaxis.set_major_locator(FixedLocator(thin_ticks(list(data["x"]), 0.15, is_log=True)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))
    axes.set(xlabel=LABEL)
    put_legend(figure, axes)
    return figure
