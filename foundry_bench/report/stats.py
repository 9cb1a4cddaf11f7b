"""Statistics over seeds: intervals, paired differences, rank correlation.

Seeds are the unit of replication. Fewer than `MIN_SEEDS` give a mean without interval.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

MIN_SEEDS = 3
CONFIDENCE = 0.95
RESAMPLES = 2000

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A mean over `n` seeds and its 95 % t-interval; `low` and `high` are NaN below three.

    Attributes:
        is_constant: whether it is one number for every seed; `n` is then 1.
    """

    mean: float
    low: float
    high: float
    n: int
    is_constant: bool = field(default=False, kw_only=True)

    @property
    def half(self) -> float:
        """Half the interval's width."""
        return (self.high - self.low) / 2

    @property
    def is_bounded(self) -> bool:
        """Whether there were enough seeds for an interval."""
        return math.isfinite(self.low)


@dataclass(frozen=True)
class Difference(Interval):
    """A mean of differences, paired by seed.

    Attributes:
        is_paired: whether both sides vary with the seed; else one of them is a constant.
        p: two-sided, of no difference; NaN below three seeds.
        sd: standard deviation of the differences; NaN below two.
    """

    p: float
    sd: float
    is_paired: bool = field(default=True, kw_only=True)

    @property
    def is_beyond(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.is_bounded and not self.low <= 0 <= self.high


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's rho over `n` runs, with a bootstrap interval; NaN where there is none."""

    rho: float
    low: float
    high: float
    n: int
    levels: int


def mean_interval(values: Sequence[float]) -> Interval:
    """Mean and 95 % Student-t interval of one number per seed; NaN for none."""
    n = len(values)
    if n == 0:
        return Interval(math.nan, math.nan, math.nan, 0)
    mean = math.fsum(values) / n
    if n < MIN_SEEDS:
        return Interval(mean, math.nan, math.nan, n)
    half = _t_quantile(n) * float(np.std(values, ddof=1)) / math.sqrt(n)
    return Interval(mean, mean - half, mean + half, n)


def paired_difference(values: Mapping[int, float], reference: Mapping[int, float]) -> Difference:
    """Mean of `values - reference` over the seeds of both, with a paired t-test.

    Differences that are all equal have no width: p is then 1 if they are 0, else 0.
    """
    seeds = sorted(values.keys() & reference.keys())
    differences = np.array([values[seed] - reference[seed] for seed in seeds])
    interval = mean_interval(differences.tolist())
    n = interval.n
    sd = float(np.std(differences, ddof=1)) if n > 1 else math.nan
    if n < MIN_SEEDS:
        p = math.nan
    elif sd == 0:
        p = 1.0 if interval.mean == 0 else 0.0
    else:
        p = float(2 * stats.t.sf(abs(interval.mean) / (sd / math.sqrt(n)), n - 1))
    return Difference(interval.mean, interval.low, interval.high, n, p, sd)


def difference_to_constant(values: Mapping[int, float], constant: float) -> Difference:
    """Mean of `values - constant`, with a t-test over the seeds of `values`."""
    return replace(paired_difference(values, dict.fromkeys(values, constant)), is_paired=False)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction of the p-values; NaN stays NaN and is not counted."""
    order = sorted(
        (index for index, p in enumerate(p_values) if math.isfinite(p)),
        key=lambda index: p_values[index],
    )
    corrected = [math.nan] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p_values[index]))
        corrected[index] = largest
    return corrected


def smallest_resolvable(sd: float, n: int, *, power: float = 0.8) -> float:
    """The true difference that a two-sided paired t-test at 5 % finds with `power`.

    Args:
        sd: standard deviation of the paired differences.
        n: how many there are.
        power: how often the test is to find it.

    Returns:
        NaN below three seeds.
    """
    if n < MIN_SEEDS or not math.isfinite(sd):
        return math.nan
    if sd == 0:
        return 0.0
    critical = _t_quantile(n)

    def missing(shift: float) -> float:
        found = stats.nct.sf(critical, n - 1, shift) + stats.nct.cdf(-critical, n - 1, shift)
        return float(found) - power

    enough = critical
    while missing(enough) < 0:
        enough *= 1.3
    return float(optimize.brentq(missing, 1e-6, enough)) * sd / math.sqrt(n)


def rank_correlation(
    x: Sequence[float], y: Sequence[float], levels: Sequence[object]
) -> RankCorrelation:
    """Spearman's rho over runs, with a 95 % bootstrap that draws seeds within each level.

    Levels (values of s) are set by the experimenter, so only the seeds inside a level are drawn
    anew. Drawing n values out of n makes the spread too small by (n - 1) / n, which matters at n =
    3: deviations are widened by its inverse root on Fisher's z scale, around the rho observed. Over
    simulated sweeps of five levels (400 to 600 each, rho between -0.93 and 0) the interval covers
    the rho of endlessly many seeds in 91-96 % at n = 3, 94-96 % at n = 5 and 93-97 % at n = 10; the
    plain percentiles cover 80-88 % at n = 3. The resampling is seeded: same numbers, same interval.
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
        return RankCorrelation(rho, math.nan, math.nan, n, len(groups))
    random = np.random.default_rng(0)
    drawn = np.concatenate(
        [group[random.integers(0, len(group), (RESAMPLES, len(group)))] for group in groups], axis=1
    )
    z = _fisher(_spearman(xs[drawn], ys[drawn]))
    tails = np.nanquantile(z, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]) - np.nanmean(z)
    low, high = np.tanh(_fisher(np.array(rho)) + tails * math.sqrt(smallest / (smallest - 1)))
    return RankCorrelation(rho, float(low), float(high), n, len(groups))


def _t_quantile(n: int) -> float:
    return float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1))


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
