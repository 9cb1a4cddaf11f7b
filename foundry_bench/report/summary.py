"""Runs -> groups: the statistics of each variant and number of SuperTokens."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from foundry_bench.record import Role
from foundry_bench.report.measures import Measure
from foundry_bench.report.runs import Run
from foundry_bench.report.series import Series
from foundry_bench.report.stats import (
    Difference,
    Interval,
    difference_to_constant,
    holm,
    mean_interval,
    paired_difference,
)

TEACHER = "teacher"


@dataclass(frozen=True)
class Group:
    """The runs that differ in their seed only.

    Attributes:
        setting: their series, and what it may be compared with.
        statuses: how many trials ended how.
        by_seed: measure -> seed -> value (the mean, should one seed have several). A stage that
            several seeds share is one measurement: it counts at the first of them only.
        constants: the measures for which all seeds share one stage.
        to_teacher: measure -> difference to the teacher of the same context, paired by seed, its p
            corrected after Holm over all groups of the summary.
    """

    role: Role
    variant: str
    setting: Series
    supertokens: int | None
    statuses: Mapping[str, int]
    by_seed: Mapping[Measure, Mapping[int, float]]
    constants: frozenset[Measure]
    to_teacher: Mapping[Measure, Difference]

    @property
    def series(self) -> str:
        """The name of the series."""
        return self.setting.name

    def interval(self, measure: Measure) -> Interval:
        """Mean and interval over the seeds."""
        found = mean_interval(list(self.by_seed.get(measure, {}).values()))
        return replace(found, is_constant=measure in self.constants)

    def difference(self, reference: "Group", measure: Measure) -> Difference:
        """What this group has more than `reference`, paired by seed.

        A side that all seeds share is a constant, to be compared with every seed of the other.
        """
        values, others = (group.by_seed.get(measure, {}) for group in (self, reference))
        mine, theirs = (measure in group.constants for group in (self, reference))
        if theirs:
            return difference_to_constant(values, next(iter(others.values())))
        if mine:
            constant = next(iter(values.values()))
            values = dict.fromkeys(others, constant)
        return replace(paired_difference(values, others), is_paired=not mine)

    @property
    def num_trials(self) -> int:
        """Trials, however they ended."""
        return sum(self.statuses.values())


@dataclass(frozen=True)
class Summary:
    """All groups of a sweep, in the order of its runs, and the measures of results among them."""

    groups: tuple[Group, ...]
    results: tuple[Measure, ...]

    def of_role(self, role: Role) -> list[Group]:
        """The groups of a role."""
        return [group for group in self.groups if group.role == role]

    def teacher_of(self, group: Group) -> Group | None:
        """The teacher that `group` is to be compared with."""
        return _teacher_beside(group, self.groups)

    def anchor_of(self, group: Group, variant: str) -> Group | None:
        """The anchor called `variant` that is the same student in the same context."""
        return next(
            (
                anchor
                for anchor in self.of_role("anchor")
                if anchor.variant == variant
                and anchor.supertokens == group.supertokens
                and anchor.setting.context == group.setting.context
                and anchor.setting.student == group.setting.student
            ),
            None,
        )

    def series(self) -> dict[str, list[Group]]:
        """Main and control series by name, main ones first, ordered by SuperTokens."""
        found: dict[str, list[Group]] = defaultdict(list)
        for role in ("main", "control"):
            for group in self.groups:
                if group.role == role:
                    found[group.series].append(group)
        return {
            name: sorted(groups, key=lambda group: group.supertokens or 0)
            for name, groups in found.items()
        }

    def main_series(self) -> dict[str, list[Group]]:
        """The main series by name, ordered by SuperTokens."""
        return {name: groups for name, groups in self.series().items() if groups[0].role == "main"}

    def main(self) -> list[Group]:
        """The first main series by SuperTokens; may be empty."""
        return next(iter(self.main_series().values()), [])


def summarise(runs: Sequence[Run], results: Sequence[Measure]) -> Summary:
    """Group `runs` by role, series and SuperTokens."""
    gathered: dict[tuple[Role, Series, int | None], list[Run]] = defaultdict(list)
    for run in runs:
        gathered[run.role, run.series, run.supertokens].append(run)
    groups = [_group(several) for several in gathered.values()]
    return Summary(tuple(_compare(groups, results)), tuple(results))


def _group(runs: Sequence[Run]) -> Group:
    first = runs[0]
    gathered: dict[Measure, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    seeds: dict[Measure, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for run in sorted(runs, key=lambda run: run.seed):
        for measure, value in run.values.items():
            sharing = seeds[measure][run.keys[measure]]
            if not sharing:
                gathered[measure][run.seed].append(value)
            sharing.add(run.seed)
    by_seed = {
        measure: {seed: sum(values) / len(values) for seed, values in sorted(seeds.items())}
        for measure, seeds in gathered.items()
    }
    constants = frozenset(
        measure
        for measure, stages in seeds.items()
        if len(stages) == 1 and len(next(iter(stages.values()))) > 1
    )
    statuses = dict(sorted(Counter(run.status for run in runs).items()))
    return Group(
        first.role, first.variant, first.series, first.supertokens, statuses, by_seed, constants, {}
    )


def _compare(groups: Sequence[Group], results: Sequence[Measure]) -> list[Group]:
    """The groups with their differences to the teacher of their context."""
    differences: list[dict[Measure, Difference]] = [{} for _ in groups]
    for measure in results:
        found = {
            index: group.difference(teacher, measure)
            for index, group in enumerate(groups)
            for teacher in [_teacher_beside(group, groups)]
            if teacher is not None
            and teacher is not group
            and group.by_seed.get(measure)
            and teacher.by_seed.get(measure)
        }
        corrected = holm([difference.p for difference in found.values()])
        for (index, difference), p in zip(found.items(), corrected, strict=True):
            if difference.n:
                differences[index][measure] = replace(difference, p=p)
    return [
        replace(group, to_teacher=each) for group, each in zip(groups, differences, strict=True)
    ]


def _teacher_beside(group: Group, groups: Sequence[Group]) -> Group | None:
    return next(
        (
            anchor
            for anchor in groups
            if anchor.role == "anchor"
            and anchor.variant == TEACHER
            and anchor.setting.context == group.setting.context
        ),
        None,
    )
