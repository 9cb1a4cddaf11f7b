"""Students against their teacher on all tasks: differences with intervals."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from foundry_bench import results
from foundry_bench.report.plots.chosen import comparable, palette_of, series_text, wrapped
from foundry_bench.report.plots.plot import Plot
from foundry_bench.report.plots.theme import INK, MARKERS, add_legend, new_figure
from foundry_bench.report.sweep_results import SweepResults
from foundry_bench.results.metrics import is_result, sort_results

MAX_STUDENTS = 6
"""Points that a row has room for; ablations are the first to be left out."""

MIN_TASKS = 3
"""Tasks below which each has figures of its own."""

LINEAR = 2.0
"""Points of percent around the teacher within which the axis is linear; beyond, logarithmic."""


def plot(sweep: SweepResults) -> Iterator[Plot]:
    """Differences to the teacher on all tasks, where there are at least three."""
    changes = task_differences(sweep.frame)
    if changes.empty or changes["task"].nunique() < MIN_TASKS:
        return
    shown = comparable(sweep.frame[sweep.frame["variant"] != "teacher"], MAX_STUDENTS)
    palette = palette_of(sweep.frame, shown[shown["series"].isin(changes["series"])])
    counts = sorted(set(changes["n"]))
    yield Plot(
        name="task_matrix",
        title="Students and teacher on all tasks",
        caption=(
            "Difference of each student to the teacher in points of percent, a row a task; beyond"
            f" ±{LINEAR:g} the axis is logarithmic. Lines are 95 % Student-t intervals of the"
            f" difference, paired by seed (three or more); n is {counts[0]} to {counts[-1]}."
        ),
        data=changes,
        draw=partial(draw, changes, palette),
    )


def task_differences(frame: pd.DataFrame) -> pd.DataFrame:
    """Differences to the teacher of each task's preferred share (`results.compare`), in order.

    Empty without a teacher or students. `row` is the label of the task.
    """
    empty = pd.DataFrame(columns=["task", "metric", "series", "n"])
    if frame.empty or "teacher" not in set(frame["variant"]):
        return empty
    is_shown = [
        unit == "share" and is_result(stage, metric, direction)
        for stage, metric, direction, unit in zip(
            frame["stage"], frame["metric"], frame["direction"], frame["unit"], strict=True
        )
    ]
    rows = frame[is_shown]
    preferred: dict[str, str] = {}
    for task, metric in sort_results(zip(rows["task"], rows["metric"], strict=True)):
        preferred.setdefault(task, metric)
    rows = rows[rows["metric"] == rows["task"].map(preferred)]
    students = comparable(rows[rows["variant"] != "teacher"], MAX_STUDENTS)
    if students.empty:
        return empty
    found = results.compare(pd.concat([rows[rows["variant"] == "teacher"], students]))
    order = {task: place for place, task in enumerate(preferred)}
    found = found.sort_values("task", key=lambda tasks: tasks.map(order), kind="stable")
    names = [
        task.replace("_", " ") if task.replace("_", " ") in label else f"{task}: {label}"
        for task, label in zip(found["task"], found["label"], strict=True)
    ]
    return found.assign(row=[name.replace("_", " ") for name in names])


def draw(changes: pd.DataFrame, palette: dict[str, str]) -> Figure:
    """A row a task, a point a student; the line at zero is the teacher."""
    names = [name for name in palette if name in set(changes["series"])]
    rows = list(dict.fromkeys(changes["row"]))
    step = min(0.16, 0.7 / len(names))
    aside = {name: step * (index - (len(names) - 1) / 2) for index, name in enumerate(names)}
    data = changes.assign(
        place=changes["row"].map(rows.index) + changes["series"].map(aside),
        points=100 * changes["mean"].astype(float),
    )
    figure = new_figure(0.95 + 0.32 * len(rows))
    axes = figure.add_subplot()
    axes.set_xscale("symlog", linthresh=LINEAR, linscale=0.7)
    axes.axvline(0, color=INK, linewidth=0.9, zorder=1)
    bounded = data[data["low"].notna()]
    axes.hlines(
        bounded["place"], 100 * bounded["low"], 100 * bounded["high"], linewidth=1.0, zorder=2,
        color=list(bounded["series"].map(palette)),
    )  # fmt: skip
    sns.scatterplot(
        data, x="points", y="place", hue="series", style="series", hue_order=names,
        style_order=names, palette=palette, markers=list(MARKERS[: len(names)]), s=17, zorder=3,
        ax=axes,
    )  # fmt: skip
    for place in range(1, len(rows)):
        axes.axhline(place - 0.5, color="#d5d8dc", linewidth=0.5, zorder=0)
    axes.set_yticks(range(len(rows)), wrapped(rows, 24))
    axes.tick_params(axis="y", labelsize=6.3)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    ends = np.abs(pd.concat([data["points"], 100 * data["low"], 100 * data["high"]]).astype(float))
    ticks = [tick for tick in (2, 10, 50) if tick <= ends.max() * 1.2]
    axes.set_xticks([-tick for tick in ticks[::-1]] + [0, *ticks])
    axes.xaxis.set_major_formatter(lambda tick, _: f"{tick:+g}" if tick else "0")
    low, high = data[["points"]].min().item(), data[["points"]].max().item()
    low = min(low, 100 * float(data["low"].min(skipna=True)), -LINEAR)
    high = max(high, 100 * float(data["high"].max(skipna=True)), LINEAR)
    axes.set_xlim(1.2 * low, 1.2 * high)
    axes.grid(visible=False, axis="y")
    axes.set(xlabel="difference to the teacher (points)", ylabel="")
    keys, texts = axes.get_legend_handles_labels()
    if (legend := axes.get_legend()) is not None:
        legend.remove()
    add_legend(figure, "outside upper left", keys, [series_text(text) for text in texts])
    return figure
