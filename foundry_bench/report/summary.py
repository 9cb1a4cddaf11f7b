"""Runs -> groups: the statistics of each variant and number of SuperTokens."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from foundry_bench.record import Role
from foundry_bench.report.measures import Measure
from foundry_bench.report.runs import Run
from foundry_bench.report.stats import Difference, Interval, holm, mean_interval, paired_difference

TEACHER = "teacher"


@dataclass(frozen=True)
class Group:
    """The runs that differ in their seed only.

    Attributes:
        statuses: how many trials ended how.
        by_seed: measure -> seed -> value (the mean, should one seed have several).
        to_teacher: measure -> difference to the teacher, paired by seed, its p corrected after Holm
            over all groups of the summary.
    """

    role: Role
    variant: str
    series: str
    supertokens: int | None
    statuses: Mapping[str, int]
    by_seed: Mapping[Measure, Mapping[int, float]]
    to_teacher: Mapping[Measure, Difference]

    def interval(self, measure: Measure) -> Interval:
        """Mean and interval over the seeds."""
        return mean_interval(list(self.by_seed.get(measure, {}).values()))

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

    def anchor(self, variant: str) -> Group | None:
        """The anchor called `variant`."""
        return next((group for group in self.of_role("anchor") if group.variant == variant), None)

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

    def main(self) -> list[Group]:
        """The first main series by SuperTokens, which the reading speaks of; may be empty."""
        return next((groups for groups in self.series().values() if groups[0].role == "main"), [])


def summarise(runs: Sequence[Run], results: Sequence[Measure]) -> Summary:
    """Group `runs` by role, series and SuperTokens."""
    gathered: dict[tuple[Role, str, int | None], list[Run]] = defaultdict(list)
    for run in runs:
        gathered[run.role, run.series, run.supertokens].append(run)
    groups = [_group(several) for several in gathered.values()]
    teacher = next(
        (group for group in groups if group.role == "anchor" and group.variant == TEACHER), None
    )
    if teacher is not None:
        groups = _compare(groups, teacher, results)
    return Summary(tuple(groups), tuple(results))


def _group(runs: Sequence[Run]) -> Group:
    first = runs[0]
    gathered: dict[Measure, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        for measure, value in run.values.items():
            gathered[measure][run.seed].append(value)
    by_seed = {
        measure: {seed: sum(values) / len(values) for seed, values in sorted(seeds.items())}
        for measure, seeds in gathered.items()
    }
    statuses = dict(sorted(Counter(run.status for run in runs).items()))
    return Group(first.role, first.variant, first.series, first.supertokens, statuses, by_seed, {})


def _compare(groups: Sequence[Group], teacher: Group, results: Sequence[Measure]) -> list[Group]:
    differences: list[dict[Measure, Difference]] = [{} for _ in groups]
    for measure in results:
        reference = teacher.by_seed.get(measure, {})
        found = {
            index: paired_difference(group.by_seed[measure], reference)
            for index, group in enumerate(groups)
            if group is not teacher and measure in group.by_seed and reference
        }
        corrected = holm([difference.p for difference in found.values()])
        for (index, difference), p in zip(found.items(), corrected, strict=True):
            if difference.n:
                differences[index][measure] = replace(difference, p=p)
    return [
        replace(group, to_teacher=each) for group, each in zip(groups, differences, strict=True)
    ]
