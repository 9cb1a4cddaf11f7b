"""What a claim rests on: comparisons, each a one-sided test both ways."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from foundry_bench.report.claims.places import Place
from foundry_bench.report.statistics.correlation import RankCorrelation, coverage_text
from foundry_bench.report.statistics.intervals import TAIL, Difference
from foundry_bench.report.wording import number

Outcome = Literal["holds", "fails", "undecided"]


@dataclass(frozen=True)
class Limit:
    """What a claim says of a number."""

    value: float
    side: Literal["above", "below"]

    def text(self, unit: str) -> str:
        """In words, such as `below 2 points`."""
        word = "point" if unit == "points" and abs(self.value) == 1 else unit
        return f"{self.side} {number(self.value, _digits(self.value))} {word}".rstrip()

    def turn(self, p_above: float, p_below: float, gap: float) -> tuple[float, float, float]:
        """The p of lying on the claim's side and on the other, and how far it lies on the former;
        `gap` is how far above the limit.
        """
        return (p_above, p_below, gap) if self.side == "above" else (p_below, p_above, -gap)


def limit_of(above: float | None, below: float | None) -> Limit:
    """The one that is given."""
    if above is not None:
        return Limit(above, "above")
    assert below is not None
    return Limit(below, "below")


@dataclass(frozen=True)
class Finding:
    """One comparison.

    Attributes:
        what: is compared.
        observed: the estimate in words, with its interval.
        asked: what the claim says of it.
        p_for: one-sided p-value against the claim's being false; NaN where seeds are too few.
        p_against: the same against its being true.
        gap: how far the estimate lies on the claim's side of the limit, below zero on the other.
        sd: of what one seed gives, in the unit of `gap`; NaN if it is not known.
        n: seeds; 0 for what no seed changes.
        trials: those behind it, as `trial_id` names them, or keys of records without a trial.
        sources: names of the very numbers: the same ones in another sweep are no second finding.
    """

    what: str
    place: Place
    observed: str
    asked: str
    estimate: float
    low: float
    high: float
    p_for: float
    p_against: float
    gap: float
    sd: float
    n: int
    trials: tuple[str, ...]
    sources: frozenset[str]

    @property
    def outcome(self) -> Outcome:
        """By its own tests, so by whether the interval lies on one side of the limit."""
        if self.p_for < TAIL:
            return "holds"
        return "fails" if self.p_against < TAIL else "undecided"

    @property
    def is_empty(self) -> bool:
        """Whether no seed has both numbers."""
        return self.n == 0 and math.isnan(self.p_for)


def find_difference(
    change: Difference,
    limit: Limit,
    *,
    what: str,
    observed: str,
    unit: str,
    place: Place,
    trials: tuple[str, ...],
    sources: Iterable[str],
) -> Finding:
    """A mean over seeds against its limit."""
    p_above, p_below = change.p_above(limit.value), change.p_below(limit.value)
    return Finding(
        what,
        place,
        observed,
        limit.text(unit),
        change.mean,
        change.low,
        change.high,
        *limit.turn(p_above, p_below, change.mean - limit.value),
        change.sd,
        change.n,
        trials,
        frozenset(sources),
    )


def find_correlation(
    found: RankCorrelation,
    limit: Limit,
    *,
    what: str,
    place: Place,
    trials: tuple[str, ...],
    sources: Iterable[str],
) -> Finding:
    """A rank correlation against its limit; gap and spread are on Fisher's z scale."""
    p_above, p_below = found.p_above(limit.value), found.p_below(limit.value)
    edge = 1 - 1e-6
    gap = math.atanh(min(max(found.rho, -edge), edge)) - math.atanh(limit.value)
    has_spread = len(found.drawn_z) > 0
    sd = float(np.std(found.drawn_z)) * math.sqrt(found.seeds) if has_spread else math.nan
    interval = (
        f" [{number(found.low, 2)}, {number(found.high, 2)}] ({coverage_text(found.seeds)})"
        if has_spread
        else ""
    )
    return Finding(
        what,
        place,
        f"ρ = {number(found.rho, 2)}{interval} over {found.n} runs",
        limit.text(""),
        found.rho,
        found.low,
        found.high,
        *limit.turn(p_above, p_below, gap),
        sd,
        found.seeds,
        trials,
        frozenset(sources),
    )


def find_fact(
    is_so: bool,
    *,
    what: str,
    place: Place,
    observed: str,
    asked: str,
    value: float,
    records: tuple[str, ...],
) -> Finding:
    """What no seed changes."""
    return Finding(
        what,
        place,
        observed,
        asked,
        value,
        *(math.nan, math.nan),
        *((0.0, 1.0) if is_so else (1.0, 0.0)),
        *(math.nan, math.nan),
        0,
        records,
        frozenset(records),
    )


def _digits(value: float) -> int:
    """As few decimals as tell a limit."""
    return next(digits for digits in range(10) if round(value, digits) == value or digits == 9)
