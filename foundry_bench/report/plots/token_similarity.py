"""How near students' tokens are to the teacher's: CKA and cosine on test clouds."""

from collections.abc import Iterator
from functools import partial

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from foundry_bench import results
from foundry_bench.report.plots.chosen import (
    axis_text,
    comparable,
    palette_of,
    series_text,
    wrapped,
)
from foundry_bench.report.plots.errorbars import t_interval
from foundry_bench.report.plots.plot import Plot
from foundry_bench.report.plots.theme import new_figure
from foundry_bench.report.sweep_results import SweepResults

KINDS = ("cka", "cosine")
"""Parts of the names of metrics that compare tokens."""


def plot(sweep: SweepResults) -> Iterator[Plot]:
    """Similarity of final tokens by series, where a task measured it."""
    frame = sweep.frame
    is_similarity = frame["metric"].map(lambda name: any(kind in name for kind in KINDS))
    rows = frame[is_similarity & (frame["stage"] == "evaluate") & (frame["variant"] != "teacher")]
    for task in dict.fromkeys(rows["task"]):
        own = comparable(rows[rows["task"] == task])
        if own["value"].notna().any():
            yield _plot(own, palette_of(frame, own), "" if task == "fidelity" else f"_{task}")


def _plot(rows: pd.DataFrame, palette: dict[str, str], suffix: str) -> Plot:
    return Plot(
        name=f"token_similarity{suffix}",
        title="Similarity of tokens to the teacher's",
        caption=(
            "How near the final tokens of each series are to the teacher's on test clouds; 1 is"
            " equal. Large points are means, bars 95 % Student-t intervals over seeds (three or"
            " more), small points seeds."
        ),
        data=results.summarize(rows),
        draw=partial(draw, rows, palette),
    )


def draw(rows: pd.DataFrame, palette: dict[str, str]) -> Figure:
    """A row a series, a panel a metric."""
    metrics = list(dict.fromkeys(rows["metric"]))
    names = list(palette)
    figure = new_figure(0.65 + 0.27 * len(names))
    panels = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    for axes, metric in zip(panels, metrics, strict=True):
        own = rows[rows["metric"] == metric].astype({"value": float})
        common = {"data": own, "x": "value", "y": "series", "hue": "series", "order": names}
        sns.stripplot(
            **common, palette=palette, size=2.2, alpha=0.5, jitter=0.12, legend=False, ax=axes
        )
        sns.pointplot(
            **common, palette=palette, errorbar=t_interval, linestyle="none", markersize=4,
            err_kws={"linewidth": 1.2}, legend=False, ax=axes,
        )  # fmt: skip
        axes.set(ylabel="")
        label = axis_text(str(own["label"].iloc[0]), str(own["unit"].iloc[0]).replace("share", ""))
        axes.set_xlabel("\n".join(wrapped([label], 60 // len(metrics), 3)), fontsize=7)
        axes.margins(x=0.12)
        axes.locator_params(axis="x", nbins=4)
    panels[0].set_yticks(range(len(names)), wrapped([series_text(name) for name in names], 20))
    return figure
