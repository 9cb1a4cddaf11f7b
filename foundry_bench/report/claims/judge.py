"""Claims and records -> how each claim comes out."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from foundry_bench.config.load import load_settings
from foundry_bench.report.claims.cost import check_cost_ratio, check_fits
from foundry_bench.report.claims.finding import Finding, Outcome
from foundry_bench.report.claims.material import Material, gather
from foundry_bench.report.claims.places import is_in
from foundry_bench.report.claims.settings import Claim, ClaimsFile
from foundry_bench.report.claims.students import (
    check_generalist,
    check_losses,
    check_near_teacher,
    check_order,
)
from foundry_bench.report.claims.supertokens import (
    check_bottleneck,
    check_correlation,
    check_plateau,
    check_trend,
)
from foundry_bench.report.claims.verdicts import Ruling, rule
from foundry_bench.report.records.harvest import Evidence
from foundry_bench.report.records.rows import tidy_rows
from foundry_bench.report.sentences.warnings import not_finite, warn_of_profiles
from foundry_bench.report.study.study import study_sweeps
from foundry_bench.resources import shipped

CHECKS: dict[str, Callable[[Material, Any], Iterator[Finding]]] = {
    "trend": check_trend,
    "correlation": check_correlation,
    "plateau": check_plateau,
    "near_teacher": check_near_teacher,
    "generalist": check_generalist,
    "order": check_order,
    "losses": check_losses,
    "bottleneck": check_bottleneck,
    "cost_ratio": check_cost_ratio,
    "fits": check_fits,
}
"""The name in a file of claims -> what looks for findings; its settings are `settings.Check`'s."""

Verdict = Outcome | Literal["not run", "not applicable"]


@dataclass(frozen=True)
class Judged:
    """A claim and what the records say of it.

    Attributes:
        ruling: over the records that the claim speaks of; None where there are none.
        elsewhere: the same check over all other records: it says nothing about the claim.
    """

    claim: Claim
    ruling: Ruling | None
    elsewhere: Ruling | None

    @property
    def verdict(self) -> Verdict:
        """Not applicable if there are other records only, not run if there are none."""
        if self.ruling is not None:
            return self.ruling.outcome
        return "not run" if self.elsewhere is None else "not applicable"

    @property
    def shown(self) -> Ruling | None:
        """What there is to tell: of the records that are spoken of, or else of the others."""
        return self.ruling or self.elsewhere


def load_claims(path: Path | None = None) -> ClaimsFile:
    """The claims in the file `path`; by default those of the paper, which ship.

    Raises:
        FoundryError: all faults of the file, each with its line.
    """
    return load_settings(path or shipped("experiments") / "claims.yaml", ClaimsFile)


def judge_claims(claims: ClaimsFile, material: Material) -> tuple[Judged, ...]:
    """Every claim, in the order of the file."""
    return tuple(_judge(claim, material) for claim in claims.claims)


def judge_records(
    claims: ClaimsFile, evidence: Evidence
) -> tuple[tuple[Judged, ...], tuple[str, ...]]:
    """Every claim, and what could not be read or is not finite, a sentence each."""
    rows = tidy_rows(evidence)
    material = gather(evidence, study_sweeps(evidence, rows))
    notes = (*evidence.notes, *not_finite(rows), *warn_of_profiles(material.profiles))
    return judge_claims(claims, material), notes


def _judge(claim: Claim, material: Material) -> Judged:
    findings = _distinct(CHECKS[claim.check.name](material, claim.check))
    spoken_of = [finding for finding in findings if is_in(finding.place, claim.scope)]
    others = [finding for finding in findings if not is_in(finding.place, claim.scope)]
    return Judged(claim, rule(spoken_of), rule(others))


def _distinct(findings: Iterable[Finding]) -> list[Finding]:
    """Those that rest on other numbers, if on any: sweeps may share stages."""
    found: dict[frozenset[str], Finding] = {}
    for finding in findings:
        if not finding.is_empty:
            found.setdefault(finding.sources, finding)
    return list(found.values())
