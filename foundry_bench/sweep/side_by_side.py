"""Which trials one worker takes together: those whose students learn from the same batches."""

from collections.abc import Collection, Sequence
from math import ceil

from foundry_bench.config.sweep import TrialConfig
from foundry_bench.sweep.planning import TrialPlan


def side_by_side(
    plans: Sequence[TrialPlan], to_run: Collection[str], slots: int, most: int
) -> list[list[TrialConfig]]:
    """The trials of `plans` in groups, in their order.

    A group has at most `most` trials, which share a stage's `together` that is `to_run`, and no
    more than leave work for each of `slots` workers.
    """
    limit = min(most, ceil(len(plans) / slots))
    groups: list[list[TrialConfig]] = []
    open_groups: dict[str, list[TrialConfig]] = {}
    for plan in plans:
        word = next((s.together for s in plan.stages if s.together and s.key in to_run), None)
        group = open_groups.get(word) if word is not None else None
        if group is None or len(group) >= limit:
            group = []
            groups.append(group)
        group.append(plan.trial)
        if word is not None:
            open_groups[word] = group
    return groups
