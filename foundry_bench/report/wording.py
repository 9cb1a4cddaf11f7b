"""Numbers as text, the same in tables and sentences."""

import math
from collections.abc import Iterable, Mapping

from foundry_bench.report.statistics.correlation import RankCorrelation, coverage_text
from foundry_bench.report.statistics.intervals import Difference, Interval
from foundry_bench.report.study.measures import Measure

MINUS = "\N{MINUS SIGN}"

DETERMINISTIC = "deterministic"
"""Said of a number that no seed changes."""


def number(value: float, digits: int, *, signed: bool = False) -> str:
    """`value` with a real minus sign; empty if it is not finite."""
    if not math.isfinite(value):
        return ""
    text = f"{value:+.{digits}f}" if signed else f"{value:.{digits}f}"
    return text.replace("-", MINUS)


def finite(value: float) -> float | None:
    """`value` for JSON, which has no NaN and no infinity."""
    return value if math.isfinite(value) else None


def mean_text(interval: Interval, digits: int, *, signed: bool = False) -> str:
    """Mean ± half the 95 % interval; the mean alone below three seeds; empty without seeds.

    A number that all seeds share is called deterministic.
    """
    text = number(interval.mean, digits, signed=signed)
    if interval.is_constant:
        return f"{text} ({DETERMINISTIC})"
    return f"{text} ± {number(interval.half, digits)}" if interval.is_bounded else text


def points_text(difference: Difference, measure: Measure) -> str:
    """A difference with its interval in the measure's unit, such as `+2.1 points [1.0, 3.2]`."""
    unit = " points" if measure.unit == "%" else f" {measure.unit}".rstrip()
    text = number(difference.mean, measure.digits, signed=True) + unit
    if difference.is_bounded:
        bounds = (
            number(bound, measure.digits, signed=True)
            for bound in (difference.low, difference.high)
        )
        text += f" [{', '.join(bounds)}]"
    return text


def rho_text(found: RankCorrelation) -> str:
    """A rank correlation with its interval, and how often such intervals are right."""
    if not math.isfinite(found.low):
        return f"{number(found.rho, 2)} (no interval)"
    return (
        f"{number(found.rho, 2)} [{number(found.low, 2)}, {number(found.high, 2)}] (an interval"
        f" that {coverage_text(found.seeds)})"
    )


def p_text(p: float) -> str:
    """A p-value; empty if there is none."""
    if not math.isfinite(p):
        return ""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def and_list(words: Iterable[object]) -> str:
    """`a, b and c`."""
    *others, last = [str(word) for word in words] or [""]
    return f"{', '.join(others)} and {last}" if others else last


def capital(text: str) -> str:
    """`text` with a capital."""
    return text[:1].upper() + text[1:]


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
