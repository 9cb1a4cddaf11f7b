"""Many tasks, and specialists -> sentences, by the same rules as `reading`."""

from collections import Counter
from collections.abc import Mapping, Sequence

from foundry_bench.report.claims import judge_all
from foundry_bench.report.generality import Backbone, Generality
from foundry_bench.report.measures import Measure
from foundry_bench.report.specialists import Contest
from foundry_bench.report.statements import Statement, corrected_p, judge_margin, judge_together
from foundry_bench.report.stats import Difference
from foundry_bench.report.wording import and_list, capital, number, points_text

PAPERS_COUNT = 16
"""The number of SuperTokens that the paper's numbers are of."""

MARGIN = 1.0
"""How far below the teacher is near, in points."""

PAPERS_MARGINS = {"accuracy": 1.0, "miou_instance": 1.0, "miou_class": 2.0}
"""The same for results of which the paper gives numbers: about its own distances (0.67, 0.91 and
2.04 points).
"""

SIGNIFICANT = 0.05
_AGAINST = {
    "teacher": "the teacher",
    "not_distilled": "the same student not distilled",
    "scratch": "the same student from scratch (with random weights where nothing is trained)",
}


def read_generality(generality: Generality) -> list[Statement]:
    """How near the teacher the main students of most SuperTokens are, task by task."""
    statements = []
    for groups in generality.summary.main_series().values():
        chosen = next((group for group in groups if group.supertokens == PAPERS_COUNT), groups[-1])
        backbone = next(each for each in generality.backbones if each.group is chosen)
        statements += [
            *_near_teacher(backbone),
            *(
                _against(backbone, reference)
                for reference, changes in backbone.changes.items()
                if _shares(changes)
            ),
        ]
    return statements


def read_contests(contests: Sequence[Contest]) -> list[Statement]:
    """The generalist against specialists off their tasks, which the paper tells, and on them."""
    statements = []
    off = [each for each in contests if not each.is_own]
    own = [each for each in contests if each.is_own]
    if off:
        text = (
            f"Off the specialists' tasks, {_phrases(off)}. The paper reports the generalist ahead"
            " there (89.87 against 75.09 % on ShapeNet55, mIoU over classes and instances of"
            " 81.87 / 84.82 against 61.88 / 65.72 % on ShapeNetPart)."
        )
        statements.append(Statement(text, judge_all([each.change for each in off])))
    if own:
        statements.append(Statement(f"On the specialists' own tasks, {_phrases(own)}."))
    return statements


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


def _near_teacher(backbone: Backbone) -> list[Statement]:
    """On how many tasks the whole interval is within the margin, and what the paper says."""
    changes = _shares(backbone.to_teacher)
    if not changes:
        return []
    margins = {measure: PAPERS_MARGINS.get(measure.metric, MARGIN) for measure in changes}
    verdicts = {
        measure: judge_margin(change, margins[measure]) for measure, change in changes.items()
    }
    counted = Counter(verdicts.values())
    wide = sorted({margin for margin in margins.values() if margin != MARGIN})
    of_classes = "".join(f" (mIoU over classes: {margin:g} points)" for margin in wide)
    text = (
        f"On {counted['agrees']} of {len(changes)} results the whole 95 % interval of"
        f" {backbone.group.name} is at most {MARGIN:g} point{of_classes} below the teacher; on"
        f" {counted['disagrees']} it is further below, on {counted['undecided']} the data do not"
        " tell."
    )
    told = [verdict for measure, verdict in verdicts.items() if measure.metric in PAPERS_MARGINS]
    if not told or backbone.group.supertokens != PAPERS_COUNT:
        return [Statement(text)]
    text += (
        f" The paper reports s = {PAPERS_COUNT} that near on classification (89.87 against"
        " 90.54 %) and part segmentation (mIoU over classes and instances of 81.87 / 84.82 against"
        " 83.91 / 85.73 %): judged is whether all results of these two tasks are."
    )
    return [Statement(text, judge_together(told))]


def _against(backbone: Backbone, reference: str) -> Statement:
    changes = _shares(backbone.changes[reference])
    phrases = [
        f"{measure.label} {number(change.mean, measure.digits, signed=True)}"
        f"{'*' if change.p < SIGNIFICANT else ''}"
        for measure, change in changes.items()
    ]
    seeds = sorted({change.n for change in changes.values()})
    over = " to ".join(str(n) for n in dict.fromkeys((seeds[0], seeds[-1])))
    return Statement(
        f"{capital(backbone.group.name)} against {_AGAINST[reference]}: {_count(changes)}, in"
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
