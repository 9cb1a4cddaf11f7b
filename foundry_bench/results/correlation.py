"""Rank correlation over runs, with a bootstrap of seeds within each level."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from foundry_bench.results.statistics import (
    CONFIDENCE,
    GROUP,
    MIN_SEEDS,
    rows_of_metric,
    sample_of,
    split,
    typed,
)

RESAMPLES = 2000

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's rho over `n` runs, with a bootstrap interval; NaN where there is none.

    Attributes:
        levels: number of levels.
        seeds: runs at the level that has fewest.
        drawn_z: bootstrap values on Fisher's z scale; empty without an interval.
    """

    rho: float
    low: float
    high: float
    n: int
    levels: int
    seeds: int = 0
    drawn_z: Floats = field(default_factory=lambda: np.empty(0), repr=False, compare=False)

    def p_below(self, bound: float) -> float:
        """Share of the bootstrap at or above `bound`: a one-sided p-value; NaN without any."""
        return float(np.mean(self.drawn_z >= np.arctanh(bound))) if len(self.drawn_z) else math.nan

    def p_above(self, bound: float) -> float:
        """Share of the bootstrap at or below `bound`."""
        return float(np.mean(self.drawn_z <= np.arctanh(bound))) if len(self.drawn_z) else math.nan


def correlation(
    frame: pd.DataFrame,
    x: str = "distill_loss",
    y: str = "accuracy",
    *,
    task: str | None = None,
    level: str = "supertokens",
    by: Sequence[str] = GROUP,
) -> pd.DataFrame:
    """Spearman's rho between two metrics over the runs of each main series.

        results.correlation(frame, x="distill_loss", y="accuracy")

    Args:
        frame: the results frame.
        x: a metric of distillation or of a task.
        y: a metric of a task.
        task: the label of their task; needed where several tasks have the metric.
        level: the axis whose values are levels: seeds are drawn anew within each.
        by: columns that tell series apart, with or without `level`.

    Raises:
        FoundryError: if no main student has the metric, or if several tasks have it.

    Returns:
        a row per series that has several levels: `rho`, `low`, `high`, `n` (runs), `levels` and
        `seeds` (at the level that has fewest). No interval below three seeds at a level.
    """
    keys = [name for name in by if name != level]
    main = frame[(frame["role"] == "main") & frame[level].notna()]
    sides = [rows_of_metric(main, metric, task) for metric in (x, y)]
    samples = [
        {key: sample_of(rows).by_seed for key, rows in split(side, [*keys, level])}
        for side in sides
    ]
    series: dict[Any, list[tuple[Any, ...]]] = {}
    for key in samples[0]:
        if key in samples[1]:
            series.setdefault(key[:-1], []).append(key)
    lines = []
    for name, places in series.items():
        runs = [
            (samples[0][key][seed], samples[1][key][seed], key[-1])
            for key in sorted(places, key=lambda key: float(str(key[-1])))
            for seed in sorted(samples[0][key].keys() & samples[1][key].keys())
        ]
        if len({run[2] for run in runs}) > 1:
            found = rank_correlation(*zip(*runs, strict=True))
            lines.append(
                {
                    **dict(zip(keys, name, strict=True)),
                    "x_metric": x,
                    "y_metric": y,
                    "rho": found.rho,
                    "low": found.low,
                    "high": found.high,
                    "n": found.n,
                    "levels": found.levels,
                    "seeds": found.seeds,
                }
            )
    return typed(pd.DataFrame(lines), frame) if lines else pd.DataFrame(lines)


def rank_correlation(
    x: Sequence[float], y: Sequence[float], levels: Sequence[object]
) -> RankCorrelation:
    """Spearman's rho over runs, with a 95 % bootstrap that draws seeds within each level.

    Levels (values of s) are set by the experimenter, so only the seeds inside a level are drawn.
    Drawing n values out of n makes the spread too small by (n - 1) / n, which matters at n = 3:
    deviations are widened by its inverse root on Fisher's z scale, around the rho observed. The
    resampling is seeded: the same numbers give the same interval. `docs/statistics.md` says how
    often the interval covers the true rho. No interval for one level, or below three runs at one.
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


def _fisher(rho: Floats) -> Floats:
    edge = 1 - 1e-6  # a rho of 1 would be infinite
    return np.arctanh(np.clip(rho, -edge, edge))


def _spearman(x: Floats, y: Floats) -> Floats:
    """Spearman's rho of each row; NaN where x or y does not vary."""
    # By hand: scipy.stats.spearmanr takes no batch of 2000 resamples.
    ranks_x, ranks_y = stats.rankdata(x, axis=1), stats.rankdata(y, axis=1)
    centred_x = ranks_x - ranks_x.mean(1, keepdims=True)
    centred_y = ranks_y - ranks_y.mean(1, keepdims=True)
    scale = np.sqrt((centred_x**2).sum(1) * (centred_y**2).sum(1))
    product = (centred_x * centred_y).sum(1)
    rho = np.full(len(scale), math.nan)
    np.divide(product, scale, out=rho, where=scale > 0)
    return rho
