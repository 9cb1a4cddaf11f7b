"""How small a difference some seeds can tell, and how many seeds a difference asks for.

Both speak of a two-sided paired t-test, so of whether a 95 % interval leaves out zero.
"""

import math
from bisect import bisect_left

from scipy import optimize, stats

from foundry_bench.report.statistics.intervals import CONFIDENCE, MIN_SEEDS

ALPHA = 1 - CONFIDENCE

POWER = 0.8
"""How often a test is to find what is there."""

MOST_SEEDS = 1000
"""More are not counted."""


def smallest_resolvable(sd: float, n: int, *, power: float = POWER) -> float:
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

    def missing(shift: float) -> float:
        return _power(shift, n, ALPHA) - power

    enough = 1.0
    while missing(enough) < 0:
        enough *= 1.3
    return float(optimize.brentq(missing, 1e-6, enough)) * sd / math.sqrt(n)


def seeds_needed(
    difference: float, sd: float, *, alpha: float = ALPHA, power: float = POWER
) -> int | None:
    """The fewest seeds with which the test at level `alpha` finds a true `difference` with `power`.

    Args:
        difference: of either sign.
        sd: standard deviation of the paired differences.
        alpha: two-sided; smaller where several tests share the error.
        power: how often the test is to find it.

    Returns:
        at least three; None if `MOST_SEEDS` do not suffice, or if the spread is not known.
    """
    if not (math.isfinite(sd) and math.isfinite(difference)):
        return None
    if sd == 0:
        return MIN_SEEDS if difference else None

    def is_enough(n: int) -> bool:
        return _power(abs(difference) * math.sqrt(n) / sd, n, alpha) >= power

    counts = range(MIN_SEEDS, MOST_SEEDS + 1)
    enough = bisect_left(counts, True, key=is_enough)
    return counts[enough] if enough < len(counts) else None


def _power(shift: float, n: int, alpha: float) -> float:
    """How often a test finds a difference of `shift` standard errors, the right way round."""
    critical = stats.t.ppf(1 - alpha / 2, n - 1)
    if shift > 100 * critical:  # beyond doubt, and beyond what the distribution is computed for
        return 1.0
    return float(stats.nct.sf(critical, n - 1, shift))
