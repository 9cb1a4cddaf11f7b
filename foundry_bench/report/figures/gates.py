"""How a gate's probabilities π are spread over tokens, from the arrays of distill stages."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from foundry_bench.report.figures.canvas import (
    new_figure,
    note,
    seeds_text,
)
from foundry_bench.report.figures.style import SOFT, level_colours
from foundry_bench.report.records.arrays import ARRAYS, read_arrays
from foundry_bench.report.records.harvest import Evidence
from foundry_bench.report.sections import Picture
from foundry_bench.report.study.levels import GATE_LAMBDA, Axis
from foundry_bench.report.study.runs import Run
from foundry_bench.report.table import Line

MAX_SERIES = 3
"""What fits side by side in a column of a paper."""


Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Spread:
    """The tokens of the clouds of one level, by π.

    Attributes:
        shares: of tokens in equal bins of [0, 1], mean over seeds.
        n: seeds.
    """

    shares: tuple[float, ...]
    n: int


@dataclass(frozen=True)
class GateHistograms:
    """Spreads by series and level on `axis`."""

    axis: Axis
    series: Mapping[str, Mapping[float, Spread]]

    @property
    def levels(self) -> list[float]:
        """All levels in order."""
        return sorted({level for spreads in self.series.values() for level in spreads})

    def lines(self) -> list[Line]:
        """A line a bin."""
        return [
            {
                "series": name,
                self.axis.name: level,
                "n": spread.n,
                "pi_low": index / len(spread.shares),
                "pi_high": (index + 1) / len(spread.shares),
                "share": share,
            }
            for name, spreads in self.series.items()
            for level, spread in spreads.items()
            for index, share in enumerate(spread.shares)
        ]


def gather_histograms(evidence: Evidence, runs: Sequence[Run]) -> GateHistograms | None:
    """The histograms over λ of the first series that left them; None if none did."""
    trials = {trial.trial: trial for trial in evidence.trials}
    found: dict[str, dict[float, dict[str, Floats]]] = defaultdict(lambda: defaultdict(dict))
    for run in sorted(runs, key=lambda run: run.role != "main"):
        if run.role == "anchor" or run.level.gate_lambda is None:
            continue
        for record in evidence.stages_of(trials[run.trial]):
            if record.stage == "distill" and record.status == "done":
                shares = read_histogram(evidence.folders[record.key] / ARRAYS)
                if shares is not None:
                    found[run.series.name][run.level.gate_lambda][record.key] = shares
    series = {
        name: {level: _average(list(levels[level].values())) for level in sorted(levels)}
        for name, levels in list(found.items())[:MAX_SERIES]
    }
    return GateHistograms(GATE_LAMBDA, series) if series else None


def read_histogram(path: Path) -> Floats | None:
    """The shares of tokens by π in the `arrays.npz` of a distill stage; None if it has none."""
    counts = read_arrays(path).get("gate_histogram")
    if counts is None or counts.ndim != 1 or counts.dtype.kind not in "uif":
        return None
    total = float(counts.sum())
    return counts / total if np.isfinite(total) and total > 0 else None


def _average(shares: Sequence[Floats]) -> Spread:
    alike = [each for each in shares if len(each) == len(shares[0])]
    mean = np.mean(alike, axis=0)
    return Spread(tuple(mean.tolist()), len(alike))


def draw_gates(data: GateHistograms) -> Figure:
    """A row a level, a column a series; each histogram as high as its highest bar."""
    levels, columns = data.levels, len(data.series)
    figure = new_figure(0.75 + 0.3 * len(levels))
    grid = figure.subplots(len(levels), columns, sharex=True, squeeze=False)
    colours = level_colours(data.axis, levels)
    for column, (name, spreads) in enumerate(data.series.items()):
        for row, level in enumerate(levels):
            axes = grid[row, column]
            axes.set(yticks=[], xlim=(0, 1))
            axes.spines["left"].set_visible(False)
            axes.grid(visible=False)
            if column == 0:
                axes.set_ylabel(
                    data.axis.text(level), rotation=0, ha="right", va="center", fontsize=6.2
                )
            spread = spreads.get(level)
            if spread is not None:
                edges = [index / len(spread.shares) for index in range(len(spread.shares) + 1)]
                axes.stairs(spread.shares, edges, fill=True, color=colours[level])
                axes.set_ylim(0, 1.05 * max(spread.shares))
        if columns > 1:
            grid[0, column].set_title(name, fontsize=6.2, color=SOFT)
        grid[-1, column].set_xlabel("π of a token")
    counts = [spread.n for spreads in data.series.values() for spread in spreads.values()]
    if columns == 1:
        note(grid[0, 0], f"share of tokens, mean over {seeds_text(counts)}")
    return figure


def _gates_picture(data: GateHistograms) -> Picture:
    caption = (
        "How the gate's π is spread over the tokens of test clouds, a row a λ"
        f" ({', '.join(data.series)}); each row has its own height. Tokens of high π are merged."
        " Shares are means over seeds."
    )
    return Picture(
        "gate_histograms",
        "What the gate says of tokens",
        caption,
        f"Histograms of π for {len(data.levels)} values of λ.",
        tuple(data.lines()),
        partial(draw_gates, data),
    )
