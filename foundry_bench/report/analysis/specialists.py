"""Statistics -> the generalist against students distilled for one task: each on each task."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from foundry_bench.report.statistics.intervals import Difference, correct
from foundry_bench.report.study.measures import Measure
from foundry_bench.report.study.series import Series
from foundry_bench.report.study.study import SPECIALIST
from foundry_bench.report.study.summary import Group, Summary


@dataclass(frozen=True)
class Contest:
    """What the generalist has more than a specialist on one result.

    Attributes:
        name: what the specialist is called.
        learned: the word of the task that it was distilled for.
        change: paired by seed, its p corrected after Holm over all contests of the sweep.
    """

    generalist: Group
    specialist: Group
    name: str
    learned: str
    measure: Measure
    change: Difference

    @property
    def is_own(self) -> bool:
        """Whether the result is of the specialist's own task."""
        return self.measure.word == self.learned


def contest(summary: Summary, specialists: Mapping[Series, str]) -> list[Contest]:
    """Main students against the specialists of the same level and context, on all tasks that one
    of the specialists learned; empty if there are none of either.
    """
    pairs = [
        (main, other, specialists[other.setting])
        for main in summary.of_role("main")
        for other in summary.of_role("ablation")
        if other.setting in specialists
        and main.setting not in specialists
        and main.level == other.level
        and main.setting.context == other.setting.context
    ]
    found = [
        Contest(
            main,
            other,
            call_specialist(other, specialists),
            learned,
            measure,
            main.difference(other, measure),
        )
        for main, other, learned in pairs
        for measure in find_contested(summary, specialists)
        if main.by_seed.get(measure) and other.by_seed.get(measure)
    ]
    corrected = correct({place: each.change for place, each in enumerate(found)})
    return [replace(found[place], change=change) for place, change in corrected.items() if change.n]


def find_contested(summary: Summary, specialists: Mapping[Series, str]) -> list[Measure]:
    """The results of tasks that a specialist learned."""
    return [measure for measure in summary.headlines if measure.word in specialists.values()]


def call_specialist(group: Group, specialists: Mapping[Series, str]) -> str:
    """A specialist by what it learned, if no other learned the same."""
    learned = specialists.get(group.setting)
    if learned is None or list(specialists.values()).count(learned) > 1:
        return group.series
    return f"{SPECIALIST} of {learned.replace('_', ' ')}"
