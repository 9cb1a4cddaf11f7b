"""Statistics -> sentences, by rule: what the numbers of a sweep say.

No rule knows the wished answer: an effect is stated when its 95 % interval leaves out zero. What
the paper says, and whether it holds, is the matter of `foundry_bench.report.claims` alone.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from foundry_bench.report.analysis.baselines import UNTRAINED
from foundry_bench.report.analysis.relation import Relation
from foundry_bench.report.sentences.variants import (
    compare_losses,
    compare_ratios,
    read_budget,
    read_gate,
)
from foundry_bench.report.statistics.intervals import MIN_SEEDS, correct, paired_difference
from foundry_bench.report.statistics.power import smallest_resolvable
from foundry_bench.report.study.levels import GATE_LAMBDA, SUPERTOKENS, Axis
from foundry_bench.report.study.measures import DISTILL_LOSS, HELDOUT_NMSE, IN_USE, Measure
from foundry_bench.report.study.summary import Group, Summary
from foundry_bench.report.wording import (
    and_list,
    beyond,
    capital,
    corrected_p,
    gain_per_doubling,
    mean_text,
    number,
    pairing,
    points_text,
    rho_text,
)

KNEE = 4
"""Gains below and above this number of SuperTokens are compared."""

MAX_SERIES = 4
"""Main series of which all is told; of more only what tells them apart."""

MAX_COMPARED = 6
"""Ablations that one sentence compares with the main students."""


def read_results(summary: Summary, relation: Relation | None) -> list[str]:
    """All that the rules have to say on a sweep; empty if it has no result."""
    if not summary.results:
        return []
    measure, axis = summary.results[0], summary.axis
    series = summary.main_series(having=measure)
    is_told_in_full = len(series) <= MAX_SERIES and not summary.is_many
    statements = []
    for name, main in series.items():
        said = [
            *_rise(main, axis, measure),
            *_loss(main, axis),
            *_correlation(relation, name),
            *(_knee(main, measure) if axis == SUPERTOKENS else []),
            *read_budget(main, summary, measure),
            *(_to_teacher(main, axis, measure) if not summary.is_many else []),
            *(_to_baselines(main, summary, measure) if is_told_in_full else []),
            *_to_ablations(main, summary, measure),
            *(_use(main) if axis == SUPERTOKENS and is_told_in_full else []),
            *(read_gate(main) if axis == GATE_LAMBDA else []),
        ]
        lead = f"{capital(name)}: " if len(series) > 1 else ""
        statements += [lead + each for each in said]
    statements += [*compare_losses(summary, measure), *compare_ratios(summary)]
    if not series:
        return statements
    has_own_data = any(each.task != each.word for each in summary.results)
    of_data = " a task" if has_own_data else ""
    return [*statements, _limits(series, axis, measure, of_data)]


def _at(group: Group, axis: Axis) -> str:
    place = group.level.on(axis)
    return "" if place is None else axis.text(place)


def _rise(main: Sequence[Group], axis: Axis, measure: Measure) -> list[str]:
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
        f"{_at(group, axis)} ({mean_text(group.interval(measure), measure.digits)} {measure.unit})"
        for group in (first, last)
    ]
    return [
        f"{capital(measure.label)} {verb} from {ends[0]} to {ends[1]}:"
        f" {points_text(change, measure)}, {pairing(change)}."
    ]


def _loss(main: Sequence[Group], axis: Axis) -> list[str]:
    statements = []
    for measure in (DISTILL_LOSS, HELDOUT_NMSE):
        having = [group for group in main if group.by_seed.get(measure)]
        if len(having) < 2 or all(
            group.by_seed[measure] == having[0].by_seed[measure] for group in having
        ):
            continue
        means = [group.interval(measure).mean for group in having]
        falls = sum(after < before for before, after in pairwise(means))
        change = having[-1].difference(having[0], measure)
        statements.append(
            f"{capital(measure.label)} falls with {axis.symbol} in {falls} of"
            f" {len(means) - 1} steps, from"
            f" {number(means[0], measure.digits)} to {number(means[-1], measure.digits)}"
            f" (difference {points_text(change, measure)}, {beyond(change)})."
        )
    return statements


def _correlation(relation: Relation | None, series: str) -> list[str]:
    found = relation.correlations.get(series) if relation else None
    if relation is None or found is None or not math.isfinite(found.rho):
        return []
    return [
        f"Spearman's ρ between {relation.x.label} and {relation.y.label} is"
        f" {rho_text(found)} over {found.n} runs at {found.levels} values of"
        f" {relation.axis.symbol}."
    ]


def _knee(main: Sequence[Group], measure: Measure) -> list[str]:
    by_count = {group.supertokens: group.by_seed[measure] for group in main}
    knee = by_count.get(KNEE)
    first, last = main[0].supertokens if main else None, main[-1].supertokens if main else None
    if knee is None or first is None or last is None or not first < KNEE < last:
        return []
    early = gain_per_doubling(by_count[first], knee, KNEE / first)
    late = gain_per_doubling(knee, by_count[last], last / KNEE)
    drop = paired_difference(early, late)
    gain = paired_difference(by_count[last], knee)
    return [
        f"Beyond s = {KNEE} the gain is {points_text(gain, measure)}; a doubling of s brings"
        f" {points_text(drop, measure)} more below s = {KNEE} than above it ({beyond(drop)})."
    ]


def _to_teacher(main: Sequence[Group], axis: Axis, measure: Measure) -> list[str]:
    if not main or measure not in main[-1].to_teacher:
        return []
    last, change = main[-1], main[-1].to_teacher[measure]
    return [
        f"At {_at(last, axis)} the student is {points_text(change, measure)} from the teacher,"
        f" {pairing(change)}{corrected_p(change.p)}."
    ]


def _to_baselines(main: Sequence[Group], summary: Summary, measure: Measure) -> list[str]:
    """What distillation brings against the same student without it."""
    statements = []
    scratch = "trained from scratch" if measure.is_trained else f"with {UNTRAINED['scratch']}"
    for variant, words in (("not_distilled", "not distilled"), ("scratch", scratch)):
        for group in main:
            baseline = summary.baseline_of(group, variant)
            if baseline is None or not baseline.by_seed.get(measure):
                continue
            change = group.difference(baseline, measure)
            statements.append(
                f"Against the same student {words} (s = {group.supertokens}) the distilled one"
                f" has {points_text(change, measure)}, {pairing(change)}."
            )
    return statements


def _to_ablations(main: Sequence[Group], summary: Summary, measure: Measure) -> list[str]:
    """Each ablation against the main student of the same level, Holm-corrected together."""
    by_level = {group.level: group for group in main}
    compared = [
        group
        for group in summary.of_role("ablation")
        if group.by_seed.get(measure)
        and group.level in by_level
        and group.setting.axes == main[0].setting.axes
    ]
    if not compared:
        return []
    changes = correct(
        {
            place: group.difference(by_level[group.level], measure)
            for place, group in enumerate(compared)
        }
    )
    said: dict[str, list[str]] = {}
    for group, change in zip(compared, changes.values(), strict=True):
        phrase = f"at {_at(group, summary.axis)} {points_text(change, measure)}"
        said.setdefault(group.series, []).append(phrase + corrected_p(change.p))
    same = f"the main student of the same {summary.axis.symbol}"
    if len(compared) <= MAX_COMPARED:
        phrases = [f"{series} {each}" for series, several in said.items() for each in several]
        return [f"Ablations against {same}: {and_list(phrases)}."]
    return [
        f"{capital(series)} against {same}: {and_list(phrases)}."
        for series, phrases in said.items()
    ]


def _use(main: Sequence[Group]) -> list[str]:
    having = [group for group in main if group.by_seed.get(IN_USE)]
    if not having:
        return []
    phrases = [
        f"{number(group.interval(IN_USE).mean, 1)} of {group.supertokens}" for group in having
    ]
    return [f"SuperTokens in use on a cloud, on average: {and_list(phrases)}."]


def _limits(
    series: Mapping[str, Sequence[Group]], axis: Axis, measure: Measure, of_data: str
) -> str:
    counts = [len(group.by_seed[measure]) for groups in series.values() for group in groups]
    contexts = {group.setting.context for groups in series.values() for group in groups}
    of = "of" if len(contexts) == 1 else "in each series, of"
    seeds = f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
    text = (
        f"All of this rests on {seeds} seed{'s' if max(counts) > 1 else ''} {of} one"
        f" teacher and one data set{of_data}. Seeds vary"
        " initialisation, data order and noise, not the choice of shapes or the teacher's own"
        " training."
    )
    name, main = next(iter(series.items()))
    if len(main) > 1:
        change = main[-1].difference(main[0], measure)
        resolvable = smallest_resolvable(change.sd, change.n)
        if math.isfinite(resolvable) and change.n >= MIN_SEEDS:
            text += (
                f" With the spread seen between {_at(main[0], axis)} and {_at(main[-1], axis)}"
                f"{f' of {name}' if len(series) > 1 else ''}, a true"
                f" difference of {number(resolvable, 1)} points would be found four times out of"
                " five; smaller ones"
                " may go unseen."
            )
    return text
