"""Intervals for seaborn's `errorbar=`: the 95 % Student-t interval of the report."""

import math
from collections.abc import Iterable

from foundry_bench.results.statistics import estimate


def t_interval(values: Iterable[float]) -> tuple[float, float]:
    """Low and high of the 95 % Student-t interval over seeds; NaN below three seeds.

        seaborn.lineplot(frame, x="supertokens", y="value", errorbar=t_interval)

    NaN draws no bar and no band.
    """
    found = estimate([float(value) for value in values if math.isfinite(value)])
    return found.low, found.high
