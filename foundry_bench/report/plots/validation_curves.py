"""Validation accuracy and losses by epoch, while distilling and fine-tuning."""

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from foundry_bench.report.plots.chosen import LEVELS, comparable, palette_of, series_text
from foundry_bench.report.plots.errorbars import t_interval
from foundry_bench.report.plots.plot import Plot
from foundry_bench.report.plots.theme import add_legend, new_figure
from foundry_bench.report.sweep_results import SweepResults

HISTORIES = {
    "val_accuracy": ("validation accuracy (%)", 100.0),
    "val_loss": ("validation loss", 1.0),
    "loss": ("training loss", 1.0),
    "token_loss": ("token loss", 1.0),
}
"""Number of an epoch -> label of its axis and scale, in the order of panels."""

MAX_POINTS = 12
"""Epochs up to which each has a marker."""

_OF_TRIAL = ["trial", "role", "variant", "series", "context", *LEVELS, "budget", "eps", "seed"]


def plot(sweep: SweepResults) -> Iterator[Plot]:
    """Numbers by epoch of each stage with validation; of the first task if none has any."""
    histories = read_histories(sweep)
    if histories.empty:
        return
    stages = histories[histories["stage"] == "evaluate"]
    validated = stages[stages["metric"].str.startswith("val_")]["task"]
    tasks = list(dict.fromkeys(validated)) or list(dict.fromkeys(stages["task"]))[:1]
    for task in tasks:
        yield _plot(sweep, stages[stages["task"] == task], task)
    distilled = histories[histories["stage"] == "distill"]
    if not distilled.empty:
        yield _plot(sweep, distilled, "")


def _plot(sweep: SweepResults, rows: pd.DataFrame, task: str) -> Plot:
    shown = comparable(rows)
    palette = palette_of(sweep.frame, shown)
    # One epoch is a point, no curve; a loss of tokens is told apart where it is not the loss.
    metrics = [name for name in HISTORIES if name in set(shown["metric"])]
    what = f"of fine-tuning ({task.replace('_', ' ')})" if task else "of distillation"
    count = shown["supertokens"].max()
    at = "" if pd.isna(count) else f" at {int(count)} SuperTokens"
    labels = " and ".join(HISTORIES[name][0].removesuffix(" (%)") for name in metrics)
    n = shown.groupby("series")["seed"].nunique()
    return Plot(
        name=f"validation_curves_{task}" if task else "distillation_curves",
        title="Fine-tuning by epoch" if task else "Distillation by epoch",
        caption=(
            f"{labels.capitalize()} by epoch {what}{at}. Lines are means, bands 95 % Student-t"
            f" intervals over seeds (three or more); n is {n.min()} to {n.max()}."
        ),
        data=shown[["role", "series", "seed", "stage", "task", "metric", "epoch", "value"]],
        draw=partial(draw, shown, metrics, palette),
    )


def read_histories(sweep: SweepResults) -> pd.DataFrame:
    """A row per stage, epoch and number, with the trial's columns; shared stages once a group."""
    if sweep.frame.empty:
        return pd.DataFrame()
    trials = sweep.frame.drop_duplicates("trial").set_index("trial", drop=False)
    lines = []
    for trial in sweep.records.trials:
        if trial.trial not in trials.index:
            continue
        own = trials.loc[trial.trial, ["sweep", *dict.fromkeys(_OF_TRIAL)]].to_dict()
        for record in sweep.records.stages_of(trial):
            place = {"stage": record.stage, "task": record.task or "", "stage_key": record.key}
            lines += [
                {**own, **place, "epoch": round(line["epoch"]), "metric": name, "value": line[name]}
                for line in record.history
                for name in HISTORIES
                if math.isfinite(line.get("epoch", math.nan))
                and math.isfinite(line.get(name, math.nan))
            ]
    frame = pd.DataFrame(lines)
    if frame.empty:
        return frame
    frame = frame.astype({name: sweep.frame[name].dtype for name in LEVELS})
    return frame.drop_duplicates(["role", "series", *LEVELS, "stage_key", "metric", "epoch"])


def draw(rows: pd.DataFrame, metrics: list[str], palette: dict[str, str]) -> Figure:
    """A panel a number, a line a series; baselines dashed."""
    names = list(palette)
    roles = rows.drop_duplicates("series").set_index("series")["role"]
    dashes: dict[str, Any] = {name: (4, 2) if roles[name] == "baseline" else "" for name in names}
    figure = new_figure(0.8 + 1.35 * len(metrics) + 0.1 * len(names))
    panels = figure.subplots(len(metrics), 1, sharex=True, squeeze=False)[:, 0]
    for axes, metric in zip(panels, metrics, strict=True):
        label, scale = HISTORIES[metric]
        own = rows[rows["metric"] == metric]
        own = own.assign(value=own["value"].astype(float) * scale)
        marker = "o" if own["epoch"].nunique() <= MAX_POINTS else None
        sns.lineplot(
            own, x="epoch", y="value", hue="series", style="series", hue_order=names,
            style_order=names, palette=palette, dashes=dashes, marker=marker, markersize=3,
            errorbar=t_interval, err_kws={"alpha": 0.13, "linewidth": 0}, ax=axes,
        )  # fmt: skip
        axes.set(xlabel="epoch", ylabel=label)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    keys, texts = panels[0].get_legend_handles_labels()
    for axes in panels:
        if (legend := axes.get_legend()) is not None:
            legend.remove()
    if len(names) > 1:
        add_legend(figure, "outside upper left", keys, [series_text(text) for text in texts])
    return figure
