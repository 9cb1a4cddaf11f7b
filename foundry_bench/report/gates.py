"""Arrays of distill stages -> how a gate's probabilities π are spread over tokens."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from foundry_bench.report.arrays import ARRAYS, read_arrays
from foundry_bench.report.figure_data import Line
from foundry_bench.report.harvest import Evidence
from foundry_bench.report.levels import GATE_LAMBDA, Axis
from foundry_bench.report.runs import Run

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
