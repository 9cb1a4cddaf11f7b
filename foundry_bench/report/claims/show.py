"""Judged claims as a table, as lines of a CSV, and as data for other programs."""

from collections.abc import Iterator, Sequence
from typing import Any

from foundry_bench.report.claims.finding import Finding
from foundry_bench.report.claims.judge import Judged
from foundry_bench.report.claims.places import describe_places
from foundry_bench.report.claims.verdicts import Ruling
from foundry_bench.report.table import Cell, Line, Table
from foundry_bench.report.wording import finite

SAME_CHECK = "same check here"
"""Heads what comes out of records at hand that the claim does not speak of."""

EXPLANATION = (
    "A claim is judged on records of what it speaks of: the paper's teacher and data sets. Where"
    " there are none, it is not applicable, and the same check on the records at hand shows how"
    " they come out: that tells of these records and not of the paper. A claim holds if all its"
    " comparisons do, each one-sided at 2.5 %; it fails if one does after Holm's correction;"
    " otherwise it is undecided, and the seeds that would decide are those that find, four times"
    " out of five, a difference as large as the one seen."
)


def claims_table(judged: Sequence[Judged]) -> Table:
    """A row a claim: its verdict, and what the records say."""
    rows = tuple(
        tuple(
            Cell(text, text)
            for text in (
                each.claim.id,
                each.claim.sentence,
                each.verdict,
                outcome_text(each.elsewhere),
                evidence_text(each.shown),
                each.shown.deciding if each.shown else "",
            )
        )
        for each in judged
    )
    header = ("claim", "sentence", "verdict", SAME_CHECK, "comparisons", "would decide")
    return Table(header, rows, EXPLANATION, num_labels=len(header))


def outcome_text(ruling: Ruling | None) -> str:
    """How a check comes out; empty if there is nothing."""
    return ruling.outcome if ruling else ""


def evidence_text(ruling: Ruling | None) -> str:
    """The comparison if there is one, else how many come out how, and what they are of."""
    if ruling is None:
        return ""
    first = ruling.findings[0]
    said = ruling.counts or f"{first.observed} (claimed: {first.asked})"
    places = describe_places(finding.place for finding in ruling.findings)
    return f"{said}; {places}" if places else said


def claims_lines(judged: Sequence[Judged]) -> list[Line]:
    """A line a comparison; a claim without any has one of its own."""
    return [line for each in judged for line in _lines(each)]


def claims_data(judged: Sequence[Judged]) -> list[dict[str, Any]]:
    """All that is known of each claim, JSON without NaN."""
    return [
        {
            "id": each.claim.id,
            "sentence": each.claim.sentence,
            "place": each.claim.place,
            "note": each.claim.note,
            "check": each.claim.check.model_dump(mode="json"),
            "scope": each.claim.scope.model_dump(mode="json", exclude_none=True),
            "verdict": each.verdict,
            "judged": _ruling_data(each.ruling),
            "elsewhere": _ruling_data(each.elsewhere),
        }
        for each in judged
    ]


def _lines(judged: Judged) -> Iterator[Line]:
    common: Line = {"claim": judged.claim.id, "verdict": judged.verdict}
    if judged.shown is None:
        yield common
    for is_meant, ruling in ((True, judged.ruling), (False, judged.elsewhere)):
        for finding in ruling.findings if ruling else ():
            yield {
                **common,
                "is_spoken_of": is_meant,
                **_place(finding),
                "comparison": finding.what,
                "outcome": finding.outcome,
                "claimed": finding.asked,
                **_numbers(finding),
                "trials": " ".join(finding.trials),
            }


def _place(finding: Finding) -> Line:
    place = finding.place
    return {"sweep": place.sweep, "teacher": place.called, "data": place.data}


def _numbers(finding: Finding) -> dict[str, float]:
    names = ("estimate", "low", "high", "n", "p_for", "p_against")
    return {name: getattr(finding, name) for name in names}


def _ruling_data(ruling: Ruling | None) -> dict[str, Any] | None:
    if ruling is None:
        return None
    comparisons = [
        {
            "what": finding.what,
            "outcome": finding.outcome,
            "observed": finding.observed,
            "claimed": finding.asked,
            **{name: finite(value) for name, value in _numbers(finding).items()},
            **_place(finding),
            "distilled_on": finding.place.distilled_on,
            "records": list(finding.trials),
        }
        for finding in ruling.findings
    ]
    return {"outcome": ruling.outcome, "would_decide": ruling.deciding, "comparisons": comparisons}
