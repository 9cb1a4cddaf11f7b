"""Evidence -> judged claims, without the rest of the report."""

from foundry_bench.report.claims.judge import Judged, judge_claims
from foundry_bench.report.claims.material import gather
from foundry_bench.report.claims.settings import ClaimsFile
from foundry_bench.report.records.harvest import Evidence
from foundry_bench.report.records.rows import tidy_rows
from foundry_bench.report.sentences.warnings import not_finite, warn_of_profiles
from foundry_bench.report.study.study import study_sweeps


def judge_records(
    claims: ClaimsFile, evidence: Evidence
) -> tuple[tuple[Judged, ...], tuple[str, ...]]:
    """Every claim, and what could not be read or is not finite, a sentence each."""
    rows = tidy_rows(evidence)
    material = gather(evidence, study_sweeps(evidence, rows))
    notes = (*evidence.notes, *not_finite(rows), *warn_of_profiles(material.profiles))
    return judge_claims(claims, material), notes
