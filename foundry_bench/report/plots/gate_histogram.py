"""How a gate's probabilities are spread over tokens, from the arrays of distill stages."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from numpy.typing import NDArray

from foundry_bench.report.plots.plot import Plot
from foundry_bench.report.plots.theme import SOFT, level_palette, new_figure
from foundry_bench.report.sweep_results import SweepResults

MAX_SERIES = 3
"""Panels that fit beside each other."""

MAX_LEVELS = 8
"""Rows that fit above each other."""


def plot(sweep: SweepResults) -> Iterator[Plot]:
    """Histograms of the gate by series and gate weight, where distill stages left them."""
    shares = gate_shares(sweep)
    if shares.empty:
        return
    names = ", ".join(dict.fromkeys(shares["series"]))
    yield Plot(
        name="gate_histogram",
        title="Gate probabilities of tokens",
        caption=(
            f"How the gate's π is spread over the tokens of test clouds, a row a gate weight λ"
            f" ({names}); each row has its own height. Tokens of high π are merged. Shares are"
            f" means over at most {shares['n'].max()} stages."
        ),
        data=shares,
        draw=partial(draw, shares),
    )


def gate_shares(sweep: SweepResults) -> pd.DataFrame:
    """A row per series, gate weight and bin of π: mean share of tokens, and stages `n`.

    Of more than `MAX_LEVELS` gate weights, evenly chosen ones are kept.
    """
    columns = ["series", "gate_lambda", "pi", "share", "n"]
    frame = sweep.frame
    if frame.empty:
        return pd.DataFrame(columns=columns)
    rows = frame[(frame["role"] != "baseline") & frame["gate_lambda"].notna()]
    stages = rows[rows["stage"] == "distill"].drop_duplicates(["series", "stage_key"])
    stages = stages.iloc[(stages["role"] != "main").argsort(kind="stable")]
    lines = []
    for stage in stages.itertuples():
        shares = read_histogram(sweep.records.arrays(str(stage.stage_key)))
        if shares is None:
            continue
        for index, share in enumerate(shares):
            middle = (index + 0.5) / len(shares)
            lines.append((stage.series, float(str(stage.gate_lambda)), middle, share))
    found = pd.DataFrame(lines, columns=columns[:-1])
    found = found[found["series"].isin(list(dict.fromkeys(found["series"]))[:MAX_SERIES])]
    levels = sorted(set(found["gate_lambda"]))
    places = np.linspace(0, len(levels) - 1, min(MAX_LEVELS, len(levels))).round().astype(int)
    found = found[found["gate_lambda"].isin([levels[place] for place in places])]
    means = found.groupby(["series", "gate_lambda", "pi"], sort=False)["share"]
    return means.agg(share="mean", n="count").reset_index()


def read_histogram(arrays: Mapping[str, NDArray[Any]]) -> NDArray[np.float64] | None:
    """Shares of tokens in equal bins of [0, 1]; None if the stage left no valid counts."""
    counts = arrays.get("gate_histogram")
    if counts is None or counts.ndim != 1 or counts.dtype.kind not in "uif":
        return None
    total = float(counts.sum())
    return counts / total if np.isfinite(total) and total > 0 else None


def draw(shares: pd.DataFrame) -> Figure:
    """A row a gate weight, a column a series; each histogram as high as its highest bar."""
    levels = sorted(set(shares["gate_lambda"]))
    names = list(dict.fromkeys(shares["series"]))
    palette = level_palette(levels)
    figure = new_figure(0.75 + 0.32 * len(levels))
    grid = figure.subplots(len(levels), len(names), sharex=True, squeeze=False)
    for row, level in enumerate(levels):
        for column, name in enumerate(names):
            axes = grid[row, column]
            own = shares[(shares["series"] == name) & (shares["gate_lambda"] == level)]
            if not own.empty:
                sns.histplot(
                    own, x="pi", weights="share", bins=len(own), binrange=(0, 1), linewidth=0,
                    color=palette[level], alpha=1, ax=axes,
                )  # fmt: skip
            axes.set(yticks=[], xlim=(0, 1), xlabel="", ylabel="")
            axes.spines["left"].set_visible(False)
            axes.grid(visible=False)
        label = f"λ = {level:g}"
        grid[row, 0].set_ylabel(label, rotation=0, ha="right", va="center", fontsize=6.5)
    for column, name in enumerate(names):
        grid[-1, column].set_xlabel("π of a token")
        title = name if len(names) > 1 else "share of tokens"
        grid[0, column].set_title(title, fontsize=6.5, color=SOFT, loc="left")
    return figure
