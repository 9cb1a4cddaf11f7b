"""What the records say of losses, budgets and gates, by rule."""

import math
from collections.abc import Sequence

from foundry_bench.report.analysis.losses import pair_losses
from foundry_bench.report.statistics.intervals import paired_difference
from foundry_bench.report.study.levels import BUDGET, GATE_LAMBDA
from foundry_bench.report.study.measures import KEPT_TOKENS, Measure
from foundry_bench.report.study.summary import Group, Summary
from foundry_bench.report.wording import (
    and_list,
    beyond,
    capital,
    gain_per_doubling,
    number,
    pairing,
    points_text,
)


def compare_losses(summary: Summary, measure: Measure) -> list[str]:
    """Smooth-L1 against MSE on the same target."""
    return [
        f"{capital(smooth.name)} against {squared.series}: {points_text(change, measure)},"
        f" {pairing(change)}."
        for smooth, squared in pair_losses(summary, measure, "smooth_l1", "mse")
        for change in [smooth.difference(squared, measure)]
    ]


def read_budget(main: Sequence[Group], summary: Summary, measure: Measure) -> list[str]:
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
    return [text]


def read_gate(main: Sequence[Group]) -> list[str]:
    """How many tokens the gate keeps at each λ."""
    phrases = [
        f"{number(group.interval(KEPT_TOKENS).mean, 1)} at {GATE_LAMBDA.text(weight)}"
        for group in main
        for weight in [group.level.gate_lambda]
        if weight is not None and group.by_seed.get(KEPT_TOKENS)
    ]
    if not phrases:
        return []
    return [f"Tokens kept as they are on a cloud, on average: {and_list(phrases)}."]


def compare_ratios(summary: Summary) -> list[str]:
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
        f"Students of the same λ/ε at different ε differ by at most {number(gaps[ratio], 1)}"
        f" kept tokens (at λ/ε = {ratio:g}), over {len(gaps)} values of λ/ε; over all λ and ε"
        f" they keep {number(min(every), 1)} to {number(max(every), 1)}."
    ]
