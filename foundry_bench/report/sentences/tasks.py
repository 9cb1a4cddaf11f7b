"""Many tasks, and specialists -> sentences, by the same rules as `reading`."""

from collections import Counter
from collections.abc import Mapping, Sequence

from foundry_bench.report.analysis.generality import Generality
from foundry_bench.report.analysis.specialists import Contest
from foundry_bench.report.statistics.intervals import TAIL, Difference
from foundry_bench.report.study.measures import Measure
from foundry_bench.report.study.summary import Group
from foundry_bench.report.wording import and_list, capital, corrected_p, number, points_text

PAPERS_COUNT = 16
"""The number of SuperTokens that the paper's numbers are of."""

MARGIN = 1.0
"""How far below the teacher is near, in points."""

SIGNIFICANT = 0.05

_AGAINST = {
    "teacher": "the teacher",
    "not_distilled": "the same student not distilled",
    "scratch": "the same student from scratch (with random weights where nothing is trained)",
}


def read_generality(generality: Generality) -> list[str]:
    """How near the teacher the main students of most SuperTokens are, task by task."""
    statements = []
    for groups in generality.summary.main_series().values():
        chosen = next((group for group in groups if group.supertokens == PAPERS_COUNT), groups[-1])
        statements += _near_teacher(chosen, _shares(generality.to_teacher(chosen)))
        for reference, changes in generality.changes[chosen].items():
            if shares := _shares(changes):
                statements.append(_against(chosen, reference, shares))
    return statements


def read_contests(contests: Sequence[Contest]) -> list[str]:
    """The generalist against specialists off their tasks, and on them."""
    off = [each for each in contests if not each.is_own]
    own = [each for each in contests if each.is_own]
    return [
        *([f"Off the specialists' tasks, {_phrases(off)}."] if off else []),
        *([f"On the specialists' own tasks, {_phrases(own)}."] if own else []),
    ]


def _phrases(contests: Sequence[Contest]) -> str:
    """What each generalist has more than each specialist."""
    gathered: dict[str, list[str]] = {}
    for each in contests:
        against = f"{each.generalist.name} against the {each.name}:"
        phrase = (
            f"{each.measure.label} {points_text(each.change, each.measure)}"
            f"{corrected_p(each.change.p)}"
        )
        gathered.setdefault(against, []).append(phrase)
    return "; ".join(f"{against} {and_list(phrases)}" for against, phrases in gathered.items())


def _near_teacher(group: Group, changes: Mapping[Measure, Difference]) -> list[str]:
    """On how many results the whole interval is within the margin."""
    if not changes:
        return []
    counted = Counter(_place(change) for change in changes.values())
    return [
        f"On {counted['near']} of {len(changes)} results the whole 95 % interval of"
        f" {group.name} is at most {MARGIN:g} point below the teacher; on"
        f" {counted['further']} it is further below, on {counted['unknown']} the data do not tell."
    ]


def _place(change: Difference) -> str:
    """Where the whole interval lies."""
    if change.p_above(-MARGIN) < TAIL:
        return "near"
    return "further" if change.p_below(-MARGIN) < TAIL else "unknown"


def _against(group: Group, reference: str, changes: Mapping[Measure, Difference]) -> str:
    phrases = [
        f"{measure.label} {number(change.mean, measure.digits, signed=True)}"
        f"{'*' if change.p < SIGNIFICANT else ''}"
        for measure, change in changes.items()
    ]
    seeds = sorted({change.n for change in changes.values()})
    over = " to ".join(str(n) for n in dict.fromkeys((seeds[0], seeds[-1])))
    return (
        f"{capital(group.name)} against {_AGAINST[reference]}: {_count(changes)}, in"
        f" points, paired over {over} seed{'s' if seeds[-1] > 1 else ''}: {and_list(phrases)}."
    )


def _count(changes: Mapping[Measure, Difference]) -> str:
    """On how many results there is a difference, and which way."""
    if not any(change.is_bounded for change in changes.values()):
        return f"{len(changes)} results, none tested below three seeds"
    found = [change for change in changes.values() if change.p < SIGNIFICANT]
    ahead = sum(change.mean > 0 for change in found)
    return (
        f"ahead on {ahead}, behind on {len(found) - ahead}, no difference found on"
        f" {len(changes) - len(found)} of {len(changes)} results"
        f" (*: p < {SIGNIFICANT:g}, Holm-corrected over all tasks)"
    )


def _shares(changes: Mapping[Measure, Difference]) -> dict[Measure, Difference]:
    """Headline results in points."""
    return {
        measure: change
        for measure, change in changes.items()
        if measure.unit == "%" and not measure.is_further
    }
