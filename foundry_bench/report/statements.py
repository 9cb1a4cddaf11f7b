"""What the reading is made of: a sentence with its verdict, and phrases that recur."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from foundry_bench.report.stats import Difference
from foundry_bench.report.wording import p_text

Verdict = Literal["agrees", "disagrees", "undecided"]


@dataclass(frozen=True)
class Statement:
    """One sentence or two of the reading.

    Attributes:
        verdict: how it compares with a statement of the paper; None where the paper makes none.
    """

    text: str
    verdict: Verdict | None = None


def judge(change: Difference) -> Verdict:
    """Whether a difference that the paper has above zero is above zero here."""
    if not change.is_beyond:
        return "undecided"
    return "agrees" if change.mean > 0 else "disagrees"


def judge_together(verdicts: Collection[Verdict]) -> Verdict:
    """The verdict on a claim of several parts: one part refutes it, all together support it."""
    if "disagrees" in verdicts:
        return "disagrees"
    return "agrees" if set(verdicts) == {"agrees"} else "undecided"


def judge_margin(change: Difference, margin: float) -> Verdict:
    """Whether a difference is above `-margin`: for sure, for sure not, or neither."""
    if not change.is_bounded or change.low < -margin <= change.high:
        return "undecided"
    return "agrees" if change.low >= -margin else "disagrees"


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
