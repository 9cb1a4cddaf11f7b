"""Runs -> groups: the statistics of each variant and level."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from foundry_bench.record import Role
from foundry_bench.report.statistics.intervals import (
    Difference,
    Interval,
    correct,
    difference_to_constant,
    mean_interval,
    paired_difference,
)
from foundry_bench.report.study.levels import AXES, BUDGET, SUPERTOKENS, Axis, Level
from foundry_bench.report.study.measures import Measure, find_details
from foundry_bench.report.study.runs import Loss, Run
from foundry_bench.report.study.series import Series

TEACHER = "teacher"

MAX_FEW = 3
"""Headline results of which each has figures and columns of its own; of more a matrix is shown."""


@dataclass(frozen=True, eq=False)
class Group:
    """The runs that differ in their seed only; two groups are never equal.

    Attributes:
        setting: their series, and what it may be compared with.
        level: where they stand on the axes.
        loss: what their distillation minimised.
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
    level: Level
    loss: Loss
    statuses: Mapping[str, int]
    by_seed: Mapping[Measure, Mapping[int, float]]
    constants: frozenset[Measure]
    to_teacher: Mapping[Measure, Difference]

    @property
    def series(self) -> str:
        """The name of the series."""
        return self.setting.name

    @property
    def supertokens(self) -> int | None:
        """None for the teacher."""
        return self.level.supertokens

    @property
    def name(self) -> str:
        """Series and level."""
        return f"{self.series} at {self.level.text}" if self.level.text else self.series

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
    def is_teacher(self) -> bool:
        """Whether it is a teacher and no student."""
        return self.role == "baseline" and self.variant == TEACHER

    def is_on(self, axis: Axis) -> bool:
        """Whether it stands somewhere on `axis`."""
        return self.level.on(axis) is not None

    @property
    def num_trials(self) -> int:
        """Trials, however they ended."""
        return sum(self.statuses.values())


@dataclass(frozen=True)
class Summary:
    """All groups of a sweep, in the order of its runs, and the measures of results among them."""

    groups: tuple[Group, ...]
    results: tuple[Measure, ...]

    @property
    def headlines(self) -> list[Measure]:
        """The results without further ones."""
        return [measure for measure in self.results if not measure.is_further]

    @property
    def is_many(self) -> bool:
        """Whether there are too many results for columns and figures of each."""
        return len(self.headlines) > MAX_FEW

    @property
    def has_levels(self) -> bool:
        """Whether some series has several groups."""
        return any(len(groups) > 1 for groups in self.series().values())

    def details(self, start: str) -> list[Measure]:
        """The details whose metric begins so, by task and metric."""
        found = dict.fromkeys(measure for group in self.groups for measure in group.by_seed)
        pairs = {(measure.task, measure.metric) for measure in found}
        return [each for each in find_details(pairs) if each.metric.startswith(start)]

    @property
    def axis(self) -> Axis:
        """The axis along which one main series has most levels; SuperTokens if there is none."""
        main = self._by_series("main").values()
        return max(
            AXES, key=lambda axis: max((_num_levels(each, axis) for each in main), default=0)
        )

    @property
    def axes(self) -> list[Axis]:
        """The axes along which some series varies; the main one if none does."""
        series = [*self._by_series("main").values(), *self._by_series("ablation").values()]
        return [
            axis for axis in AXES if any(_num_levels(groups, axis) > 1 for groups in series)
        ] or [self.axis]

    @property
    def axis_of_distillation(self) -> Axis:
        """What distillations differ in: a budget is of the task."""
        return SUPERTOKENS if self.axis == BUDGET else self.axis

    @property
    def further_axes(self) -> list[Axis]:
        """The axes beside SuperTokens along which some series varies."""
        return [
            axis
            for axis in AXES
            if axis != SUPERTOKENS and any(group.is_on(axis) for group in self.groups)
        ]

    @property
    def ordered(self) -> list[Group]:
        """The groups as tables list them: teachers, main students, other baselines, ablations."""
        order = {"main": 1, "baseline": 2, "ablation": 3}
        return sorted(self.groups, key=lambda group: 0 if group.is_teacher else order[group.role])

    def having(self, measures: Collection[Measure]) -> list[Group]:
        """Those in the same order that have any of `measures`."""
        return [group for group in self.ordered if any(map(group.by_seed.get, measures))]

    def of_role(self, role: Role) -> list[Group]:
        """The groups of a role."""
        return [group for group in self.groups if group.role == role]

    @property
    def teachers(self) -> list[Group]:
        """The groups that are teachers themselves."""
        return [group for group in self.groups if group.is_teacher]

    def name(self, group: Group) -> str:
        """Series and level of a group; and its role where another is called the same."""
        is_alone = [other.name for other in self.groups].count(group.name) == 1
        return group.name if is_alone else f"{group.name} ({group.role})"

    def teacher_of(self, group: Group) -> Group | None:
        """The teacher that `group` is to be compared with."""
        return _teacher_beside(group, self.groups)

    def baseline_of(self, group: Group, variant: str) -> Group | None:
        """The baseline called `variant` that is the same student in the same context."""
        return next(
            (
                baseline
                for baseline in self.of_role("baseline")
                if baseline.variant == variant
                and replace(baseline.level, eps=None) == replace(group.level, eps=None)
                and baseline.setting.context == group.setting.context
                and baseline.setting.student == group.setting.student
            ),
            None,
        )

    def series(
        self, axis: Axis | None = None, having: Measure | None = None
    ) -> dict[str, list[Group]]:
        """Main and ablation series by name, main ones first, each ordered along `axis`.

        Where groups of a series differ on other axes too, those are part of the name.

        Args:
            axis: by default the one of `axis`.
            having: only groups that have it and stand somewhere on the axis, and their series.
        """
        along = axis or self.axis
        found: dict[str, list[Group]] = defaultdict(list)
        for role in ("main", "ablation"):
            for groups in self._by_series(role).values():
                others = [
                    each
                    for each in AXES
                    if each.name not in (along.name, along.part) and _num_levels(groups, each) > 1
                ]
                for group in groups:
                    if having and not (group.by_seed.get(having) and group.is_on(along)):
                        continue
                    places = [(each, group.level.on(each)) for each in others]
                    words = [each.text(value) for each, value in places if value is not None]
                    found[", ".join([group.series, *words])].append(group)
        return {
            name: sorted(groups, key=lambda group: group.level.on(along) or 0)
            for name, groups in found.items()
        }

    def main_series(
        self, axis: Axis | None = None, having: Measure | None = None
    ) -> dict[str, list[Group]]:
        """The main series of `series`."""
        found = self.series(axis, having)
        return {name: groups for name, groups in found.items() if groups[0].role == "main"}

    def main(self) -> list[Group]:
        """The first main series along the axis; may be empty."""
        return next(iter(self.main_series().values()), [])

    def _by_series(self, role: Role) -> dict[str, list[Group]]:
        found: dict[str, list[Group]] = defaultdict(list)
        for group in self.of_role(role):
            found[group.series].append(group)
        return found


def _num_levels(groups: Sequence[Group], axis: Axis) -> int:
    return len({group.level.on(axis) for group in groups} - {None})


def summarise(runs: Sequence[Run], results: Sequence[Measure]) -> Summary:
    """Group `runs` by role, series and level."""
    gathered: dict[tuple[Role, Series, Level], list[Run]] = defaultdict(list)
    for run in runs:
        gathered[run.role, run.series, run.level].append(run)
    groups = [_group(several) for several in gathered.values()]
    return Summary(tuple(_compare(groups, results)), tuple(results))


def _group(runs: Sequence[Run]) -> Group:
    first = runs[0]
    gathered: dict[Measure, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    sharing: dict[Measure, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for run in sorted(runs, key=lambda run: run.seed):
        for measure, (value, key) in run.numbers.items():
            seeds = sharing[measure][key]
            if not seeds:
                gathered[measure][run.seed].append(value)
            seeds.add(run.seed)
    by_seed = {
        measure: {seed: sum(values) / len(values) for seed, values in sorted(found.items())}
        for measure, found in gathered.items()
    }
    constants = frozenset(
        measure
        for measure, stages in sharing.items()
        if len(stages) == 1 and len(next(iter(stages.values()))) > 1
    )
    statuses = dict(sorted(Counter(run.status for run in runs).items()))
    of_first = (first.role, first.variant, first.series, first.level, first.loss)
    return Group(*of_first, statuses, by_seed, constants, {})


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
        for index, difference in correct(found).items():
            if difference.n:
                differences[index][measure] = difference
    return [
        replace(group, to_teacher=each) for group, each in zip(groups, differences, strict=True)
    ]


def _teacher_beside(group: Group, groups: Sequence[Group]) -> Group | None:
    return next(
        (
            baseline
            for baseline in groups
            if baseline.is_teacher and baseline.setting.context == group.setting.context
        ),
        None,
    )
