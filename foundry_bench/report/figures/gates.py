"""How a gate's probabilities π are spread over tokens, from the arrays of distill stages."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from foundry_bench.report.figures.canvas import new_figure, note, seeds_text
from foundry_bench.report.figures.style import SOFT, level_colours
from foundry_bench.report.records.harvest import Arrays
from foundry_bench.report.sections import Picture, picture
from foundry_bench.report.study.levels import GATE_LAMBDA
from foundry_bench.report.study.study import Study
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

    @property
    def edges(self) -> list[float]:
        """Of the bins."""
        return [index / len(self.shares) for index in range(len(self.shares) + 1)]


@dataclass(frozen=True)
class GateHistograms:
    """Spreads by series and λ."""

    series: Mapping[str, Mapping[float, Spread]]

    @property
    def levels(self) -> list[float]:
        """All λ in order."""
        return sorted({level for spreads in self.series.values() for level in spreads})

    def lines(self) -> list[Line]:
        """A line a bin."""
        return [
            {
                "series": name, GATE_LAMBDA.name: level, "n": spread.n,
                "pi_low": spread.edges[index], "pi_high": spread.edges[index + 1], "share": share,
            }
            for name, spreads in self.series.items()
            for level, spread in spreads.items()
            for index, share in enumerate(spread.shares)
        ]  # fmt: skip


def gather_histograms(study: Study) -> GateHistograms | None:
    """The histograms over λ of the first series that left them; None if none did."""
    found: dict[str, dict[float, dict[str, Floats]]] = defaultdict(lambda: defaultdict(dict))
    for run in sorted(study.runs, key=lambda run: run.role != "main"):
        if run.role == "baseline" or run.level.gate_lambda is None:
            continue
        for key, arrays in study.evidence.arrays_of(study.trial_of(run)):
            shares = read_histogram(arrays)
            if shares is not None:
                found[run.series.name][run.level.gate_lambda][key] = shares
    series = {
        name: {level: _average(list(levels[level].values())) for level in sorted(levels)}
        for name, levels in list(found.items())[:MAX_SERIES]
    }
    return GateHistograms(series) if series else None


def read_histogram(arrays: Arrays) -> Floats | None:
    """The shares of tokens by π among the arrays of a distill stage; None if it left none."""
    counts = arrays.get("gate_histogram")
    if counts is None or counts.ndim != 1 or counts.dtype.kind not in "uif":
        return None
    total = float(counts.sum())
    return counts / total if np.isfinite(total) and total > 0 else None


def _average(shares: Sequence[Floats]) -> Spread:
    alike = [each for each in shares if len(each) == len(shares[0])]
    return Spread(tuple(np.mean(alike, axis=0).tolist()), len(alike))


def draw_gates(data: GateHistograms) -> Figure:
    """A row a level, a column a series; each histogram as high as its highest bar."""
    levels, columns = data.levels, len(data.series)
    figure = new_figure(0.75 + 0.3 * len(levels))
    grid = figure.subplots(len(levels), columns, sharex=True, squeeze=False)
    colours = level_colours(GATE_LAMBDA, levels)
    for column, (name, spreads) in enumerate(data.series.items()):
        for row, level in enumerate(levels):
            axes = grid[row, column]
            axes.set(yticks=[], xlim=(0, 1))
            axes.spines["left"].set_visible(False)
            axes.grid(visible=False)
            if column == 0:
                text = GATE_LAMBDA.text(level)
                axes.set_ylabel(text, rotation=0, ha="right", va="center", fontsize=6.2)
            if level in spreads:
                spread = spreads[level]
                axes.stairs(spread.shares, spread.edges, fill=True, color=colours[level])
                axes.set_ylim(0, 1.05 * max(spread.shares))
        if columns > 1:
            grid[0, column].set_title(name, fontsize=6.2, color=SOFT)
        grid[-1, column].set_xlabel("π of a token")
    counts = [spread.n for spreads in data.series.values() for spread in spreads.values()]
    if columns == 1:
        note(grid[0, 0], f"share of tokens, mean over {seeds_text(counts)}")
    return figure


def picture_gates(study: Study) -> Picture | None:
    """The picture of `gather_histograms`, if there are any."""
    data = gather_histograms(study)
    if data is None:
        return None
    caption = (
        "How the gate's π is spread over the tokens of test clouds, a row a λ"
        f" ({', '.join(data.series)}); each row has its own height. Tokens of high π are merged."
        " Shares are means over seeds."
    )
    alt = f"Histograms of π for {len(data.levels)} values of λ."
    return picture(
        "gate_histograms", "What the gate says of tokens", caption, alt, data, draw_gates
    )
