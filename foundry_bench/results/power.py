"""Power of paired t-tests: the seeds that a difference needs, and what given seeds can resolve."""

import math
from bisect import bisect_left

from scipy import optimize, stats
from statsmodels.stats.power import TTestPower

from foundry_bench.results.statistics import ALPHA, MIN_SEEDS

POWER = 0.8
"""Share of experiments in which the test finds the difference."""

MOST_SEEDS = 1000


def seeds_needed(
    difference: float, sd: float, *, alpha: float = ALPHA, power: float = POWER
) -> int | None:
    """The fewest seeds with which a two-sided paired t-test finds `difference` with `power`.

    Args:
        difference: true mean of the paired differences, of either sign.
        sd: their standard deviation.
        alpha: two-sided level; smaller where several tests share the error.
        power: share of experiments that find the difference.

    Returns:
        at least three; None if 1000 do not suffice, or if the spread is not known.
    """
    if not (math.isfinite(sd) and math.isfinite(difference)):
        return None
    if sd == 0:
        return MIN_SEEDS if difference else None
    counts = range(MIN_SEEDS, MOST_SEEDS + 1)
    effect = abs(difference) / sd
    enough = bisect_left(counts, True, key=lambda n: _power(effect, n, alpha) >= power)
    return counts[enough] if enough < len(counts) else None


def smallest_resolvable(sd: float, n: int, *, power: float = POWER) -> float:
    """The true difference that a two-sided paired t-test at 5 % over `n` seeds finds with `power`.

    Args:
        sd: standard deviation of the paired differences.
        n: number of seeds.
        power: share of experiments that find the difference.

    Returns:
        NaN below three seeds.
    """
    if n < MIN_SEEDS or not math.isfinite(sd):
        return math.nan
    if sd == 0:
        return 0.0
    enough = 1.0
    while _power(enough, n, ALPHA) < power:
        enough *= 2
    # Not TTestPower.solve_power: its root is good to five digits only.
    effect = optimize.brentq(lambda effect: _power(effect, n, ALPHA) - power, 1e-6, enough)
    return float(effect) * sd


def _power(effect: float, n: int, alpha: float) -> float:
    """How often the test finds `effect` standard deviations with the right sign."""
    shift = effect * math.sqrt(n)
    if shift > 100 * stats.t.ppf(1 - alpha / 2, n - 1):
        return 1.0  # beyond the range for which the noncentral t is computed
    # One-sided at half the level: a significant result of the wrong sign is no success.
    found = TTestPower().power(effect, n, alpha / 2, alternative="larger")
    return float(found)
