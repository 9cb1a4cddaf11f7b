"""Rank correlation over runs, with a bootstrap of seeds within each level."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from foundry_bench.report.statistics.intervals import CONFIDENCE, MIN_SEEDS

RESAMPLES = 2000

COVERAGE = {3: (87, 100), 5: (89, 99), 10: (91, 96)}
"""Seeds a level -> in how many percent of simulated sweeps the interval holds the true rho, from
the worst setting to the best (`docs/statistics.md`).
"""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's rho over `n` runs, with a bootstrap interval; NaN where there is none.

    Attributes:
        seeds: runs at the level that has fewest.
        drawn_z: the bootstrap's values on Fisher's z scale, of which the interval leaves out both
            ends; empty where there is none.
    """

    rho: float
    low: float
    high: float
    n: int
    levels: int
    seeds: int = 0
    drawn_z: Floats = field(default_factory=lambda: np.empty(0), repr=False, compare=False)

    def p_below(self, bound: float) -> float:
        """The share of the bootstrap at or above `bound`: a one-sided p-value, NaN without any."""
        return float(np.mean(self.drawn_z >= np.arctanh(bound))) if len(self.drawn_z) else math.nan

    def p_above(self, bound: float) -> float:
        """The share at or below `bound`."""
        return float(np.mean(self.drawn_z <= np.arctanh(bound))) if len(self.drawn_z) else math.nan


def rank_correlation(
    x: Sequence[float], y: Sequence[float], levels: Sequence[object]
) -> RankCorrelation:
    """Spearman's rho over runs, with a 95 % bootstrap that draws seeds within each level.

    Levels (values of s) are set by the experimenter, so only the seeds inside a level are drawn
    anew. Drawing n values out of n makes the spread too small by (n - 1) / n, which matters at n =
    3: deviations are widened by its inverse root on Fisher's z scale, around the rho observed.
    `COVERAGE` says how often the interval holds the rho of endlessly many seeds. The resampling is
    seeded: same numbers, same interval.
    No interval where a level has fewer than three runs or there is only one level.
    """
    groups = [
        np.flatnonzero([other == level for other in levels]) for level in dict.fromkeys(levels)
    ]
    xs, ys = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    n = len(xs)
    rho = float(_spearman(xs[None], ys[None])[0]) if n > 1 else math.nan
    smallest = min((len(group) for group in groups), default=0)
    if smallest < MIN_SEEDS or len(groups) < 2 or not math.isfinite(rho):
        return RankCorrelation(rho, math.nan, math.nan, n, len(groups), smallest)
    random = np.random.default_rng(0)
    drawn = np.concatenate(
        [group[random.integers(0, len(group), (RESAMPLES, len(group)))] for group in groups], axis=1
    )
    z = _fisher(_spearman(xs[drawn], ys[drawn]))
    z = z[np.isfinite(z)]
    drawn_z = _fisher(np.array(rho)) + (z - z.mean()) * math.sqrt(smallest / (smallest - 1))
    low, high = np.tanh(np.quantile(drawn_z, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]))
    return RankCorrelation(rho, float(low), float(high), n, len(groups), smallest, drawn_z)


def coverage_text(seeds: int) -> str:
    """How often an interval over so many seeds a level is right, in words."""
    known = max((n for n in COVERAGE if n <= seeds), default=min(COVERAGE))
    low, high = COVERAGE[known]
    return f"covers {low}-{high} % at n = {known} in simulations"


def _fisher(rho: Floats) -> Floats:
    edge = 1 - 1e-6
    return np.arctanh(np.clip(rho, -edge, edge))


def _spearman(x: Floats, y: Floats) -> Floats:
    """Spearman's rho of each line; NaN where x or y does not vary."""
    ranks_x, ranks_y = stats.rankdata(x, axis=1), stats.rankdata(y, axis=1)
    centred_x = ranks_x - ranks_x.mean(1, keepdims=True)
    centred_y = ranks_y - ranks_y.mean(1, keepdims=True)
    scale = np.sqrt((centred_x**2).sum(1) * (centred_y**2).sum(1))
    product = (centred_x * centred_y).sum(1)
    rho = np.full(len(scale), math.nan)
    np.divide(product, scale, out=rho, where=scale > 0)
    return rho
