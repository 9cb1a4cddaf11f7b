"""Accuracy on corrupted clouds, by kind of corruption and severity."""

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from foundry_bench import results
from foundry_bench.report.plots.chosen import comparable, palette_of, series_text, shown_value
from foundry_bench.report.plots.errorbars import t_interval
from foundry_bench.report.plots.plot import Plot
from foundry_bench.report.plots.theme import MARKERS, add_legend, new_figure
from foundry_bench.report.sweep_results import SweepResults

_METRIC = re.compile(r"corrupted_accuracy_(?P<kind>.+?)(?:_(?P<severity>\d+))?")
_COLUMNS = 2


def plot(sweep: SweepResults) -> Iterator[Plot]:
    """Accuracy under each corruption, a figure per task that measured it."""
    rows = with_kinds(sweep.frame)
    tasks = list(dict.fromkeys(rows["task"]))
    for task in tasks:
        own = comparable(rows[rows["task"] == task])
        palette = palette_of(sweep.frame, own)
        several = own["severity"].nunique() > 1
        by = "kind and severity" if several else "kind"
        yield Plot(
            name="corruption" if len(tasks) == 1 else f"corruption_{task}",
            title="Accuracy on corrupted clouds",
            caption=(
                f"Accuracy on corrupted test clouds by {by} of corruption"
                f" ({task.replace('_', ' ')}). Points are means, bars 95 % Student-t intervals"
                f" over seeds (three or more); n is {_counts(own)}."
            ),
            data=results.summarize(own),
            draw=partial(draw, own, palette),
        )


def with_kinds(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows of accuracies by corruption, with columns `kind` and `severity` (0: the default).

    Where a task has several severities, its means over them are left out.
    """
    found = frame["metric"].map(_METRIC.fullmatch)
    rows = frame[found.notna()].copy()
    matches = [match for match in found if match is not None]
    rows["kind"] = [match["kind"].replace("_", " ") for match in matches]
    rows["severity"] = [int(match["severity"] or 0) for match in matches]
    has_severities = rows.groupby("task")["severity"].transform("max") > 0
    return rows[~has_severities | (rows["severity"] > 0)]


def _counts(rows: pd.DataFrame) -> str:
    counts = sorted(set(results.summarize(rows)["n"]))
    return " to ".join(str(n) for n in dict.fromkeys((counts[0], counts[-1])))


def draw(rows: pd.DataFrame, palette: dict[str, str]) -> Figure:
    """A row a kind and a point a series; with several severities a panel a kind and curves."""
    data = rows.assign(percent=shown_value(rows))
    names = list(palette)
    kinds = sorted(set(rows["kind"]))
    markers: list[Any] = [MARKERS[place % len(MARKERS)] for place in range(len(names))]
    if rows["severity"].nunique() > 1:
        figure = _panels(data, kinds, palette)
    else:
        figure = new_figure(1.0 + (0.18 + 0.055 * len(names)) * len(kinds))
        axes = figure.add_subplot()
        dodge: Any = 0.6  # a width is allowed; the stubs know booleans alone
        sns.pointplot(
            data, x="percent", y="kind", hue="series", order=kinds, hue_order=names,
            palette=palette, markers=markers, dodge=dodge, linestyle="none", markersize=3.6,
            errorbar=t_interval, err_kws={"linewidth": 1.0}, ax=axes,
        )  # fmt: skip
        for place in range(1, len(kinds)):
            axes.axhline(place - 0.5, color="#d5d8dc", linewidth=0.5, zorder=0)
        axes.set(xlabel="accuracy on corrupted clouds (%)", ylabel="")
    axes = figure.axes[0]
    keys, texts = axes.get_legend_handles_labels()
    for each in figure.axes:
        if (legend := each.get_legend()) is not None:
            legend.remove()
    add_legend(figure, "outside upper left", keys, [series_text(text) for text in texts])
    return figure


def _panels(data: pd.DataFrame, kinds: list[str], palette: dict[str, str]) -> Figure:
    num_rows = -(-len(kinds) // _COLUMNS)
    figure = new_figure(0.9 + 1.2 * num_rows)
    grid = figure.subplots(num_rows, _COLUMNS, sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat[len(kinds) :]:
        axes.set_visible(False)
    for kind, axes in zip(kinds, grid.flat, strict=False):
        sns.lineplot(
            data[data["kind"] == kind], x="severity", y="percent", hue="series", style="series",
            hue_order=list(palette), style_order=list(palette), palette=palette, markers=True,
            dashes=False, errorbar=t_interval, err_kws={"alpha": 0.13, "linewidth": 0}, ax=axes,
        )  # fmt: skip
        axes.set_title(kind, loc="left", fontsize=7)
        axes.set(ylabel="accuracy (%)", xticks=sorted(set(data["severity"])))
    return figure
