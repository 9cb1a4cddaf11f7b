"""What the paper says of mechanisms, losses and budgets, and the notes say of gates, by rule."""

import math
from collections.abc import Sequence

from foundry_bench.report.levels import BUDGET, GATE_LAMBDA
from foundry_bench.report.measures import KEPT_TOKENS, Measure
from foundry_bench.report.statements import (
    Statement,
    Verdict,
    beyond,
    gain_per_doubling,
    judge,
    judge_together,
    pairing,
)
from foundry_bench.report.stats import Difference, paired_difference
from foundry_bench.report.summary import Group, Summary
from foundry_bench.report.wording import and_list, capital, number, points_text

MECHANISMS = ("fps_student", "kmeans_student")
"""The variants that the paper ranks behind Foundry, in its order."""


def compare_mechanisms(
    main: Sequence[Group], summary: Summary, measure: Measure
) -> list[Statement]:
    """The main student, FPS and k-means at each number of SuperTokens."""
    statements = []
    for group in main:
        beside = [
            control
            for variant in MECHANISMS
            for control in summary.of_role("control")
            if control.variant == variant
            and control.level == group.level
            and control.setting.axes == group.setting.axes
            and control.by_seed.get(measure)
        ]
        ranked = [group, *beside]
        pairs = [(better, worse) for i, better in enumerate(ranked) for worse in ranked[i + 1 :]]
        if not pairs:
            continue
        changes = [better.difference(worse, measure) for better, worse in pairs]
        phrases = [
            f"{better.series} against {worse.series} {points_text(change, measure)}"
            for (better, worse), change in zip(pairs, changes, strict=True)
        ]
        text = (
            f"At {group.level.text}, {and_list(phrases)}. The paper reports Foundry ahead of FPS"
            " ahead of k-means (89.68, 87.56 and 76.08 % on ShapeNet55)."
        )
        statements.append(Statement(text, judge_all(changes)))
    return statements


def judge_all(changes: Sequence[Difference]) -> Verdict:
    """The verdict on an order: one pair the other way round refutes it, all together support it."""
    return judge_together([judge(change) for change in changes])


def compare_losses(summary: Summary, measure: Measure) -> list[Statement]:
    """Smooth-L1 against MSE on the same target, between main students that are otherwise alike."""
    main = [group for group in summary.of_role("main") if group.by_seed.get(measure)]
    pairs = [
        (smooth, squared)
        for smooth in main
        for squared in main
        if (smooth.loss.name, squared.loss.name) == ("smooth_l1", "mse")
        and smooth.loss.target_norm == squared.loss.target_norm
        and smooth.level == squared.level
        and smooth.setting.context == squared.setting.context
        and smooth.setting.student == squared.setting.student
    ]
    statements = []
    for smooth, squared in pairs:
        change = smooth.difference(squared, measure)
        text = (
            f"{capital(smooth.name)} against {squared.series}:"
            f" {points_text(change, measure)}, {pairing(change)}. The paper reports Smooth-L1 ahead"
            " of MSE."
        )
        statements.append(Statement(text, judge(change)))
    return statements


def read_budget(main: Sequence[Group], summary: Summary, measure: Measure) -> list[Statement]:
    """Whether the first halving of the largest budget costs less than further ones."""
    by_budget = {group.level.budget: group.by_seed[measure] for group in main}
    budgets = sorted(budget for budget in by_budget if budget is not None)
    if summary.axis != BUDGET or len(budgets) < 3:
        return []
    low, high = budgets[0], budgets[-1]
    middle = min(budgets[1:-1], key=lambda budget: abs(math.log2(budget / high) + 1))
    late = gain_per_doubling(by_budget[middle], by_budget[high], high / middle)
    early = gain_per_doubling(by_budget[low], by_budget[middle], middle / low)
    drop = paired_difference(early, late)
    change = paired_difference(by_budget[middle], by_budget[high])
    text = (
        f"From a budget of {high} to {middle} tokens {measure.label} changes by"
        f" {points_text(change, measure)}; a halving of the budget costs"
        f" {points_text(drop, measure)} more below {middle} than above it ({beyond(drop)})."
    )
    return [Statement(text)]


def read_gate(main: Sequence[Group]) -> list[Statement]:
    """How many tokens the gate keeps at each λ."""
    phrases = [
        f"{number(group.interval(KEPT_TOKENS).mean, 1)} at {GATE_LAMBDA.text(weight)}"
        for group in main
        for weight in [group.level.gate_lambda]
        if weight is not None and group.by_seed.get(KEPT_TOKENS)
    ]
    if not phrases:
        return []
    return [Statement(f"Tokens kept as they are on a cloud, on average: {and_list(phrases)}.")]


def compare_ratios(summary: Summary) -> list[Statement]:
    """How far students of one λ/ε and several ε differ in the tokens that they keep."""
    main = [
        group
        for group in summary.of_role("main")
        if group.by_seed.get(KEPT_TOKENS) and group.level.lambda_to_eps
    ]
    kept: dict[tuple[str, float], list[Group]] = {}
    for group in main:
        assert group.level.lambda_to_eps is not None
        kept.setdefault((group.setting.student, group.level.lambda_to_eps), []).append(group)
    gaps = {
        ratio: max(means) - min(means)
        for (_, ratio), groups in kept.items()
        if len({group.level.eps for group in groups}) > 1
        for means in [[group.interval(KEPT_TOKENS).mean for group in groups]]
    }
    if not gaps:
        return []
    every = [group.interval(KEPT_TOKENS).mean for group in main]
    ratio = max(gaps, key=lambda each: gaps[each])
    return [
        Statement(
            f"Students of the same λ/ε at different ε differ by at most {number(gaps[ratio], 1)}"
            f" kept tokens (at λ/ε = {ratio:g}), over {len(gaps)} values of λ/ε; over all λ and ε"
            f" they keep {number(min(every), 1)} to {number(max(every), 1)}."
        )
    ]
