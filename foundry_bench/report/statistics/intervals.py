"""Statistics over seeds: intervals, paired differences, one-sided tests, Holm's correction.

Seeds are the unit of replication. Fewer than `MIN_SEEDS` give a mean without interval.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
from scipy import stats

MIN_SEEDS = 3

CONFIDENCE = 0.95

TAIL = (1 - CONFIDENCE) / 2
"""What a 95 % interval leaves out on one side: the level of one-sided tests."""


K = TypeVar("K")


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

    @property
    def ends(self) -> tuple[float, float]:
        """The bounds; the mean twice where there are none."""
        return (self.low, self.high) if self.is_bounded else (self.mean, self.mean)


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

    def p_above(self, bound: float) -> float:
        """One-sided p-value against a true difference of `bound` or less: a paired t-test.

        With a negative `bound`, this is a test of non-inferiority by that margin. It is below
        `TAIL` exactly where the whole interval lies above `bound`. NaN below three seeds.
        """
        if not self.is_bounded:
            return math.nan
        if self.sd == 0:
            return 0.0 if self.mean > bound else 1.0
        return float(stats.t.sf((self.mean - bound) * math.sqrt(self.n) / self.sd, self.n - 1))

    def p_below(self, bound: float) -> float:
        """One-sided p-value against a true difference of `bound` or more."""
        return replace(self, mean=-self.mean).p_above(-bound)


def mean_interval(values: Sequence[float]) -> Interval:
    """Mean and 95 % Student-t interval of one number per seed; NaN for none."""
    n = len(values)
    if n == 0:
        return Interval(math.nan, math.nan, math.nan, 0)
    mean = math.fsum(values) / n
    if n < MIN_SEEDS:
        return Interval(mean, math.nan, math.nan, n)
    half = t_quantile(n) * float(np.std(values, ddof=1)) / math.sqrt(n)
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


def correct(changes: Mapping[K, Difference]) -> dict[K, Difference]:
    """The differences with p-values corrected after Holm over all of them."""
    corrected = holm([change.p for change in changes.values()])
    return {
        key: replace(change, p=p)
        for (key, change), p in zip(changes.items(), corrected, strict=True)
    }


def t_quantile(n: int) -> float:
    """How many standard errors half a 95 % interval over `n` seeds is."""
    return float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1))
