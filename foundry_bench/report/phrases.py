"""Phrases that recur in the reading."""

import math
from collections.abc import Mapping

from foundry_bench.report.stats import Difference
from foundry_bench.report.wording import p_text


def gain_per_doubling(
    start: Mapping[int, float], end: Mapping[int, float], ratio: float
) -> dict[int, float]:
    """What a doubling brings, by seed, where the whole way is a growth by `ratio`."""
    doublings = math.log2(ratio)
    return {seed: (end[seed] - start[seed]) / doublings for seed in start.keys() & end.keys()}


def pairing(change: Difference) -> str:
    """How sure a difference is, and over what."""
    seeds = f"over {change.n} seed{'s' if change.n != 1 else ''}"
    return f"{'paired ' if change.is_paired else ''}{seeds}, {beyond(change)}"


def beyond(change: Difference) -> str:
    """Whether its interval leaves out zero."""
    if not change.is_bounded:
        return "no interval below three seeds"
    return "beyond the 95 % interval" if change.is_beyond else "within the 95 % interval"


def corrected_p(p: float) -> str:
    """A p-value in parentheses; empty if there is none."""
    if not math.isfinite(p):
        return ""
    text = p_text(p)
    return (
        f" (Holm-corrected p {text})" if text.startswith("<") else f" (Holm-corrected p = {text})"
    )
