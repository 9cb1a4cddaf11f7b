"""Latency of models by part of the network, and by mode of execution."""

from collections.abc import Iterator, Sequence
from functools import partial

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from foundry_bench.record import Record
from foundry_bench.report.plots.chosen import wrapped
from foundry_bench.report.plots.plot import Plot
from foundry_bench.report.plots.profiled import (
    machine_text,
    metric_of,
    model_text,
    of_task,
    rank_of,
    teacher_text,
)
from foundry_bench.report.plots.theme import INK, MARKERS, PALETTE, SOFT, new_figure
from foundry_bench.report.sweep_results import SweepResults

PARTS = {
    "group": "FPS, kNN",
    "tokenize": "tokenizer",
    "compress": "compression",
    "encode": "encoder",
    "upsample": "upsampling",
    "head": "head",
}
"""Part of a record -> what a legend calls it."""

PLAIN = "eager fp32"
"""The only way of execution in which parts can be told apart."""

MAX_MODELS = 16
_PLACE = ["teacher", "machine", "batch"]


def plot(sweep: SweepResults) -> Iterator[Plot]:
    """A figure by part and one by mode for each teacher, machine and batch that was measured."""
    data = read_latencies(sweep.records.profiles)
    if data.empty:
        return
    places = data.groupby(_PLACE, sort=False)
    for index, ((teacher, machine, batch), rows) in enumerate(places):
        suffix = "" if places.ngroups == 1 else f"_{index + 1}"
        what = f"{teacher}; {machine}; batch {batch}"
        parts = with_parts(_session(rows[rows["way"] == PLAIN]))
        if not parts.empty:
            yield Plot(
                f"latency_by_part{suffix}",
                "Latency by part",
                f"Median milliseconds of a pass by part of the network ({what}), eager float32;"
                " a tick and line are median and quartiles of the whole pass.",
                parts,
                partial(draw_parts, parts),
            )
        newest = rows.sort_values("measured", kind="stable").groupby(["model", "way"]).tail(1)
        modes = newest.sort_index()
        if modes["way"].nunique() > 1:
            yield Plot(
                f"latency_by_mode{suffix}",
                "Latency by mode",
                f"Median milliseconds of a pass by mode of execution ({what}); lines are"
                " quartiles.",
                modes,
                partial(draw_modes, modes),
            )


def read_latencies(profiles: Sequence[Record]) -> pd.DataFrame:
    """A row per latency record: model, way, median and quartiles, milliseconds of each part."""
    lines = []
    for record in sorted(of_task(profiles, "latency"), key=rank_of):
        config = record.config
        lines.append(
            {
                "model": model_text(record),
                "way": f"{config.get('mode', 'eager')} {config.get('precision', 'fp32')}",
                "teacher": teacher_text(record),
                "machine": machine_text(record),
                "batch": int(config.get("batch", 1)),
                "measured": str(config.get("measured", "")),
                "median": metric_of(record, "latency_ms_median"),
                "low": metric_of(record, "latency_ms_q1"),
                "high": metric_of(record, "latency_ms_q3"),
                **{part: metric_of(record, f"latency_ms_{part}") for part in PARTS},
            }
        )
    return pd.DataFrame(lines)


def _session(rows: pd.DataFrame) -> pd.DataFrame:
    """The measurement with most models, of several such the newest: it took turns with itself."""
    if rows.empty:
        return rows
    counts = rows.groupby("measured")["model"].nunique()
    chosen = max(counts.index, key=lambda moment: (counts[moment], moment))
    shown: pd.DataFrame = rows[rows["measured"] == chosen].drop_duplicates("model")
    return shown.head(MAX_MODELS)


def with_parts(rows: pd.DataFrame) -> pd.DataFrame:
    """A row per model and part with `ms`; empty if no part was measured."""
    if rows.empty:
        return rows
    kept = ["model", "median", "low", "high"]
    parts = rows.melt(id_vars=kept, value_vars=list(PARTS), var_name="part", value_name="ms")
    return parts[parts["ms"].notna()].assign(part=lambda each: each["part"].map(PARTS))


def draw_parts(parts: pd.DataFrame) -> Figure:
    """A stacked bar per model, with the quartiles of a whole pass over it."""
    models = list(dict.fromkeys(parts["model"]))
    order = [name for name in PARTS.values() if name in set(parts["part"])]
    figure = new_figure(0.95 + 0.24 * len(models))
    axes = figure.add_subplot()
    data = parts.assign(place=parts["model"].map(models.index))
    sns.histplot(
        data, y="place", weights="ms", hue="part", hue_order=order[::-1], multiple="stack",
        palette=dict(zip(PARTS.values(), PALETTE, strict=False)), discrete=True, shrink=0.7,
        alpha=1, linewidth=0, ax=axes,
    )  # fmt: skip
    totals = data.groupby("place").agg({"ms": "sum", "median": "first", "low": "first",
                                        "high": "first"})  # fmt: skip
    for place, total in totals.iterrows():
        height = float(str(place))
        axes.plot([total["low"], total["high"]], [height, height], color=INK, linewidth=1.1)
        axes.plot([total["median"]], [height], "|", color=INK, markersize=7)
        axes.annotate(
            f"{total['median']:.3g} ms", (max(total["high"], total["ms"]), height),
            (3, 0), textcoords="offset points", va="center", fontsize=6, color=SOFT,
        )  # fmt: skip
    axes.set_yticks(range(len(models)), wrapped(models, 30, 1))
    axes.set_ylim(len(models) - 0.5, -0.5)
    axes.set_xlim(0, 1.25 * float(max(totals["ms"].max(), totals["high"].max())))
    axes.set(xlabel="time of a pass (ms)", ylabel="")
    axes.grid(visible=False, axis="y")
    legend = axes.get_legend()
    if legend is not None:
        keys = [key for key in legend.legend_handles[::-1] if key is not None]
        legend.remove()
        figure.legend(keys, order, loc="outside upper left", ncols=3, borderaxespad=0.0)
    return figure


def draw_modes(modes: pd.DataFrame) -> Figure:
    """A row per model, a point per mode and precision, on a log scale."""
    ways = sorted(set(modes["way"]), key=lambda way: (way != PLAIN, way))[: len(MARKERS)]
    models = list(dict.fromkeys(modes["model"]))[:MAX_MODELS]
    data = modes[modes["way"].isin(ways) & modes["model"].isin(models)]
    data = data.assign(place=data["model"].map(models.index))
    figure = new_figure(0.95 + 0.24 * len(models))
    axes = figure.add_subplot()
    axes.set_xscale("log")
    axes.hlines(data["place"], data["low"], data["high"], color=SOFT, linewidth=0.9, zorder=2)
    sns.scatterplot(
        data, x="median", y="place", hue="way", style="way", hue_order=ways, style_order=ways,
        palette=list(PALETTE[: len(ways)]), markers=list(MARKERS[: len(ways)]), s=20, zorder=3,
        ax=axes,
    )  # fmt: skip
    axes.set_yticks(range(len(models)), wrapped(models, 30, 1))
    axes.set_ylim(len(models) - 0.5, -0.5)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("{x:g}")
    axes.tick_params(axis="x", which="minor", labelsize=5.5)
    axes.set(xlabel="time of a pass (ms)", ylabel="")
    keys, texts = axes.get_legend_handles_labels()
    if (legend := axes.get_legend()) is not None:
        legend.remove()
    texts = [text.replace("_", " ") for text in texts]
    figure.legend(keys, texts, loc="outside upper left", ncols=3, borderaxespad=0.0)
    return figure
