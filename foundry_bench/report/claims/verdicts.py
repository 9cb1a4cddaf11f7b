"""Findings -> a verdict.

A claim of several comparisons holds only if all of them do, each by its own test at 2.5 %: no
correction is needed, since one that is false is enough to keep it from holding. It fails if one of
them fails after Holm's correction over all: with enough comparisons one would by chance.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from foundry_bench.report.claims.finding import Finding, Outcome
from foundry_bench.report.statistics.intervals import MIN_SEEDS, TAIL, holm
from foundry_bench.report.statistics.power import ALPHA, MOST_SEEDS, seeds_needed

_PLURAL: dict[Outcome, str] = {"holds": "hold", "fails": "fail", "undecided": "undecided"}


@dataclass(frozen=True)
class Ruling:
    """How the comparisons of a claim come out."""

    findings: tuple[Finding, ...]
    outcome: Outcome

    @property
    def counts(self) -> str:
        """How many come out how by themselves, such as `2 hold, 1 fails`; empty for a single one.

        A claim that is undecided although some fail says why.
        """
        if len(self.findings) < 2:
            return ""
        counted = Counter(finding.outcome for finding in self.findings)
        words = [
            f"{counted[each]} {text if counted[each] > 1 else each}"
            for each, text in _PLURAL.items()
            if counted[each]
        ]
        is_corrected = self.outcome == "undecided" and counted["fails"]
        return ", ".join([*words, *(["none for sure among so many"] if is_corrected else [])])

    @property
    def deciding(self) -> str:
        """How many seeds would decide an undecided one, in words; else empty."""
        if self.outcome != "undecided":
            return ""
        still_open = [finding for finding in self.findings if finding.outcome != "holds"]
        return _deciding(still_open, len(self.findings))


def rule(findings: Sequence[Finding]) -> Ruling | None:
    """The verdict of findings on a claim; None if there are none."""
    if not findings:
        return None
    against = holm([finding.p_against for finding in findings])
    if any(p < TAIL for p in against):
        return Ruling(tuple(findings), "fails")
    if all(finding.outcome == "holds" for finding in findings):
        return Ruling(tuple(findings), "holds")
    return Ruling(tuple(findings), "undecided")


def _deciding(findings: Sequence[Finding], family: int) -> str:
    """How many seeds would decide, should what is seen be what is true.

    One comparison on the wrong side of its limit decides alone, against the correction; on the
    right side, all of them must.
    """
    if any(finding.n < 2 for finding in findings):
        return f"at least {MIN_SEEDS} seeds"
    wrong = [finding for finding in findings if finding.gap < 0]
    if wrong:
        needs = [seeds_needed(each.gap, each.sd, alpha=ALPHA / family) for each in wrong]
        known = [need for need in needs if need is not None]
        need = min(known, default=None)
    else:
        needs = [seeds_needed(each.gap, each.sd) for each in findings]
        need = None if None in needs else max(need for need in needs if need is not None)
    if need is None:
        return f"more than {MOST_SEEDS} seeds"
    most = max(finding.n for finding in findings)
    return f"about {need} seeds" if need > most else f"more than {most} seeds"
