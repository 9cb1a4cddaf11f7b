"""Statistics -> sentences, by rule: what the numbers say, and whether it is what the paper says.

No rule knows the wished answer: an effect is stated when its 95 % interval leaves out zero, and
left undecided otherwise.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from foundry_bench.report.figure_data import UNTRAINED, Relation
from foundry_bench.report.measures import DISTILL_LOSS, HELDOUT_NMSE, IN_USE, Measure
from foundry_bench.report.stats import (
    MIN_SEEDS,
    Difference,
    holm,
    paired_difference,
    smallest_resolvable,
)
from foundry_bench.report.summary import Group, Summary
from foundry_bench.report.wording import and_list, mean_text, number, p_text, points_text

Verdict = Literal["agrees", "disagrees", "undecided"]
KNEE = 4
"""The paper reports diminishing gains beyond about this many SuperTokens."""


@dataclass(frozen=True)
class Statement:
    """One sentence or two of the reading.

    Attributes:
        verdict: how it compares with a statement of the paper; None where the paper makes none.
    """

    text: str
    verdict: Verdict | None = None


def read_results(summary: Summary, relation: Relation | None) -> list[Statement]:
    """All that the rules have to say on a sweep; empty if it has no result."""
    if not summary.results:
        return []
    measure = summary.results[0]
    found = {
        name: [
            group
            for group in groups
            if group.by_seed.get(measure) and group.supertokens is not None
        ]
        for name, groups in summary.main_series().items()
    }
    series = {name: groups for name, groups in found.items() if groups}
    statements = []
    for name, main in series.items():
        said = [
            *_rise(main, measure),
            *_loss(main),
            *_correlation(relation, name),
            *_knee(main, measure),
            *_to_teacher(main, measure),
            *_to_anchors(main, summary, measure),
            *_to_controls(main, summary, measure),
            *_use(main),
        ]
        lead = f"{_capital(name)}: " if len(series) > 1 else ""
        statements += [replace(each, text=lead + each.text) for each in said]
    return [*statements, _limits(series, measure)] if series else statements


def _rise(main: Sequence[Group], measure: Measure) -> list[Statement]:
    if len(main) < 2:
        return []
    first, last = main[0], main[-1]
    change = last.difference(first, measure)
    verb = (
        "does not change measurably"
        if not change.is_beyond
        else "rises"
        if change.mean > 0
        else "falls"
    )
    if not change.is_bounded:
        verb = "goes"
    ends = [
        f"s = {group.supertokens} ({mean_text(group.interval(measure), measure.digits)}"
        f" {measure.unit})"
        for group in (first, last)
    ]
    return [
        Statement(
            f"{_capital(measure.label)} {verb} from {ends[0]} to {ends[1]}:"
            f" {points_text(change, measure)},"
            f" {_pairing(change)}."
        )
    ]


def _loss(main: Sequence[Group]) -> list[Statement]:
    statements = []
    for measure in (DISTILL_LOSS, HELDOUT_NMSE):
        having = [group for group in main if group.by_seed.get(measure)]
        if len(having) < 2:
            continue
        means = [group.interval(measure).mean for group in having]
        falls = sum(after < before for before, after in pairwise(means))
        change = having[-1].difference(having[0], measure)
        statements.append(
            Statement(
                f"{_capital(measure.label)} falls with s in {falls} of {len(means) - 1} steps, from"
                f" {number(means[0], measure.digits)} to {number(means[-1], measure.digits)}"
                f" (difference {points_text(change, measure)}, {_beyond(change)})."
            )
        )
    return statements


def _correlation(relation: Relation | None, series: str) -> list[Statement]:
    found = relation.correlations.get(series) if relation else None
    if relation is None or found is None or not math.isfinite(found.rho):
        return []
    interval = (
        f" [{number(found.low, 2)}, {number(found.high, 2)}]"
        if math.isfinite(found.low)
        else " (no interval)"
    )
    verdict: Verdict = "undecided"
    if found.high < 0:
        verdict = "agrees"
    elif found.low > 0:
        verdict = "disagrees"
    return [
        Statement(
            f"Spearman's ρ between {relation.x.label} and {relation.y.label} is"
            f" {number(found.rho, 2)}{interval} over"
            f" {found.n} runs at {found.levels} values of s; the paper reports an inverse"
            " correlation.",
            verdict,
        )
    ]


def _knee(main: Sequence[Group], measure: Measure) -> list[Statement]:
    by_count = {group.supertokens: group.by_seed[measure] for group in main}
    knee = by_count.get(KNEE)
    first, last = main[0].supertokens if main else None, main[-1].supertokens if main else None
    if knee is None or first is None or last is None or not first < KNEE < last:
        return []
    early = _slope(by_count[first], knee, math.log2(KNEE / first))
    late = _slope(knee, by_count[last], math.log2(last / KNEE))
    drop = paired_difference(early, late)
    gain = paired_difference(by_count[last], knee)
    verdict: Verdict = (
        "undecided" if not drop.is_beyond else "agrees" if drop.mean > 0 else "disagrees"
    )
    return [
        Statement(
            f"Beyond s = {KNEE} the gain is {points_text(gain, measure)}; a doubling of s brings"
            f" {points_text(drop, measure)} more below s = {KNEE} than above it ({_beyond(drop)})."
            " The paper reports"
            f" diminishing gains beyond s ≈ {KNEE}.",
            verdict,
        )
    ]


def _slope(
    start: Mapping[int, float], end: Mapping[int, float], doublings: float
) -> dict[int, float]:
    """Gain per doubling of s, by seed."""
    return {seed: (end[seed] - start[seed]) / doublings for seed in start.keys() & end.keys()}


def _to_teacher(main: Sequence[Group], measure: Measure) -> list[Statement]:
    if not main or measure not in main[-1].to_teacher:
        return []
    last, change = main[-1], main[-1].to_teacher[measure]
    return [
        Statement(
            f"At s = {last.supertokens} the student is {points_text(change, measure)} from the"
            " teacher,"
            f" {_pairing(change)}{_p(change.p)}."
        )
    ]


def _to_anchors(main: Sequence[Group], summary: Summary, measure: Measure) -> list[Statement]:
    """What distillation brings against the same student without it."""
    statements = []
    scratch = "trained from scratch" if measure.is_trained else f"with {UNTRAINED['scratch']}"
    for variant, words in (("not_distilled", "not distilled"), ("scratch", scratch)):
        for group in main:
            anchor = summary.anchor_of(group, variant)
            if anchor is None or not anchor.by_seed.get(measure):
                continue
            change = group.difference(anchor, measure)
            statements.append(
                Statement(
                    f"Against the same student {words} (s = {group.supertokens}) the distilled one"
                    f" has {points_text(change, measure)}, {_pairing(change)}."
                )
            )
    return statements


def _to_controls(main: Sequence[Group], summary: Summary, measure: Measure) -> list[Statement]:
    """Each control against the main student of the same s, Holm-corrected together."""
    by_count = {group.supertokens: group for group in main}
    pairs = [
        (group, group.difference(by_count[group.supertokens], measure))
        for group in summary.of_role("control")
        if group.by_seed.get(measure)
        and group.supertokens in by_count
        and group.setting.axes == main[0].setting.axes
    ]
    if not pairs:
        return []
    corrected = holm([change.p for _, change in pairs])
    phrases = [
        f"{group.series} at s = {group.supertokens} {points_text(change, measure)}{_p(p)}"
        for (group, change), p in zip(pairs, corrected, strict=True)
    ]
    return [Statement(f"Controls against the main student of the same s: {and_list(phrases)}.")]


def _use(main: Sequence[Group]) -> list[Statement]:
    having = [group for group in main if group.by_seed.get(IN_USE)]
    if not having:
        return []
    phrases = [
        f"{number(group.interval(IN_USE).mean, 1)} of {group.supertokens}" for group in having
    ]
    return [Statement(f"SuperTokens in use on a cloud, on average: {and_list(phrases)}.")]


def _limits(series: Mapping[str, Sequence[Group]], measure: Measure) -> Statement:
    counts = [len(group.by_seed[measure]) for groups in series.values() for group in groups]
    contexts = {group.setting.context for groups in series.values() for group in groups}
    of = "of" if len(contexts) == 1 else "in each series, of"
    seeds = f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
    text = (
        f"All of this rests on {seeds} seed{'s' if max(counts) > 1 else ''} {of} one"
        " teacher and one data set. Seeds vary"
        " initialisation, data order and noise, not the choice of shapes or the teacher's own"
        " training."
    )
    name, main = next(iter(series.items()))
    if len(main) > 1:
        change = main[-1].difference(main[0], measure)
        resolvable = smallest_resolvable(change.sd, change.n)
        if math.isfinite(resolvable) and change.n >= MIN_SEEDS:
            text += (
                f" With the spread seen between s = {main[0].supertokens} and s ="
                f" {main[-1].supertokens}{f' of {name}' if len(series) > 1 else ''}, a true"
                f" difference of {number(resolvable, 1)} points would be found four times out of"
                " five; smaller ones"
                " may go unseen."
            )
    return Statement(text)


def _pairing(change: Difference) -> str:
    seeds = f"over {change.n} seed{'s' if change.n != 1 else ''}"
    return f"{'paired ' if change.is_paired else ''}{seeds}, {_beyond(change)}"


def _beyond(change: Difference) -> str:
    if not change.is_bounded:
        return "no interval below three seeds"
    return "beyond the 95 % interval" if change.is_beyond else "within the 95 % interval"


def _p(p: float) -> str:
    if not math.isfinite(p):
        return ""
    text = p_text(p)
    return (
        f" (Holm-corrected p {text})" if text.startswith("<") else f" (Holm-corrected p = {text})"
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
