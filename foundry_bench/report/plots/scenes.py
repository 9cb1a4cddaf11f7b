"""What scenes of many points cost: time of a pass and peak memory against points."""

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FuncFormatter, NullFormatter

from foundry_bench.record import Record
from foundry_bench.report.plots.plot import Plot
from foundry_bench.report.plots.profiled import (
    machine_text,
    metric_of,
    of_task,
    rank_of,
    teacher_text,
)
from foundry_bench.report.plots.theme import MARKERS, MAX_SERIES, PALETTE, SOFT, new_figure
from foundry_bench.report.sweep_results import SweepResults
from foundry_bench.results.costs import SCENES

GIB = 2**30
DASHES: dict[str, Any] = {"fused": "", "materialised": (3, 2)}
"""Attention -> dashes of its line, as seaborn takes them."""


def plot(sweep: SweepResults) -> Iterator[Plot]:
    """Time and memory against points, a figure per machine, teacher and memory limit."""
    data = read_scenes(sweep.records.profiles)
    if data.empty:
        return
    places = data.groupby(["machine", "teacher", "limit_gib"], sort=False, dropna=False)
    for index, ((machine, _, limit), scenes) in enumerate(places):
        memory = float(str(limit))
        emulated = "" if math.isnan(memory) else f", limit of {memory:g} GiB (emulated)"
        where = f"{machine}{emulated}"
        yield Plot(
            name="scenes" if places.ngroups == 1 else f"scenes_{index + 1}",
            title="Cost of large scenes",
            caption=(
                f"Median time of a pass of the network and peak memory against the points of a"
                f" scene, on {where}; batch 1, float32. A cross is a scene that ran out of memory."
            ),
            data=scenes,
            draw=partial(draw, scenes, where),
        )


def read_scenes(profiles: Sequence[Record]) -> pd.DataFrame:
    """A row per scene: model, attention, points, `seconds`, `peak_gib`, `is_oom`, conditions."""
    lines = []
    for record in sorted(of_task(profiles, SCENES), key=rank_of):
        limit = record.config.get("memory_limit")
        peak = metric_of(record, "peak_reserved_bytes")
        lines.append(
            {
                "model": str((record.config.get("student") or {}).get("name", "teacher")),
                "attention": str(record.config["attention"]),
                "points": int(record.config["points"]),
                "seconds": metric_of(record, "time_ms_median") / 1e3,
                "peak_gib": (metric_of(record, "peak_rss_bytes") if math.isnan(peak) else peak)
                / GIB,
                "is_oom": bool(record.metrics.get("oom")),
                "limit_gib": math.nan if limit is None else limit / GIB,
                "machine": machine_text(record),
                # Scenes of a machine have patches in proportion to their points.
                "teacher": teacher_text(record).rpartition(",")[0],
            }
        )
    return pd.DataFrame(lines)


def draw(scenes: pd.DataFrame, where: str) -> Figure:
    """Time above, memory below; a line a model and attention."""
    data = scenes.assign(model=scenes["model"].str.replace("_", " "))
    models = list(dict.fromkeys(data["model"]))[:MAX_SERIES]
    palette = dict(zip(models, PALETTE, strict=False))
    figure = new_figure(4.3)
    panels = figure.subplots(2, 1, sharex=True)
    labels = {"seconds": "time of a pass (s)", "peak_gib": "peak memory (GiB)"}
    for axes, (column, label) in zip(panels, labels.items(), strict=True):
        axes.set(xscale="log", yscale="log")
        known = data[~data["is_oom"] & data[column].notna() & data["model"].isin(models)]
        sns.lineplot(
            known, x="points", y=column, hue="model", style="attention", hue_order=models,
            palette=palette, dashes=DASHES if set(data["attention"]) <= set(DASHES) else True,
            errorbar=None, ax=axes,
        )  # fmt: skip
        sns.scatterplot(
            known, x="points", y=column, hue="model", style="model", hue_order=models, s=20,
            style_order=models, markers=dict(zip(models, MARKERS, strict=False)), palette=palette,
            legend=False, ax=axes, zorder=3,
        )  # fmt: skip
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set(ylabel=label, xlabel="points of a scene")
    below = panels[1]
    below.xaxis.set_major_formatter(EngFormatter(sep=""))
    below.xaxis.set_minor_formatter(NullFormatter())
    limit = data["limit_gib"].iloc[0]
    if math.isfinite(limit):
        below.axhline(limit, color=SOFT, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
    missing = data[data["is_oom"] & data["model"].isin(models)]
    if not missing.empty:
        top = 1.3 * (limit if math.isfinite(limit) else data["peak_gib"].max())
        raised = missing["attention"].map(lambda each: 1.35 if each == "materialised" else 1.0)
        place = missing["model"].map(models.index) - (len(models) - 1) / 2
        crosses = missing.assign(y=top * raised, x=missing["points"] * 1.06**place)
        sns.scatterplot(
            crosses, x="x", y="y", hue="model", palette=palette, hue_order=models, marker="X",
            s=26, legend=False, ax=below, zorder=4,
        )  # fmt: skip
        below.set(xlabel="points of a scene", ylabel=labels["peak_gib"])
    keys, texts = panels[0].get_legend_handles_labels()
    kept = [
        (key, text) for key, text in zip(keys, texts, strict=True)
        if text not in ("model", "attention")
    ]  # fmt: skip
    for axes in panels:
        if (legend := axes.get_legend()) is not None:
            legend.remove()
    figure.legend(*zip(*kept, strict=True), loc="outside upper left", ncols=3, borderaxespad=0.0)
    panels[0].set_title(where, fontsize=6.5, color=SOFT, loc="left")
    return figure
