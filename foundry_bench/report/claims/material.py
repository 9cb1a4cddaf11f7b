"""What checks look at: all records at hand, and the groups and results that a check speaks of."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from foundry_bench.record import Record
from foundry_bench.report.claims.finding import Finding, Limit, find_difference
from foundry_bench.report.claims.places import place_of
from foundry_bench.report.claims.settings import CheckSettings, OfResults
from foundry_bench.report.records.harvest import Evidence, trial_id
from foundry_bench.report.statistics.intervals import Difference
from foundry_bench.report.study.levels import SUPERTOKENS, Axis
from foundry_bench.report.study.measures import Measure
from foundry_bench.report.study.study import Study
from foundry_bench.report.study.summary import Group
from foundry_bench.report.wording import points_text


@dataclass(frozen=True)
class Material:
    """All records at hand.

    Attributes:
        studies: one a sweep.
        profiles: records of what teachers and students cost.
    """

    studies: tuple[Study, ...]
    profiles: tuple[Record, ...]

    def series(
        self, settings: OfResults, axis: Axis = SUPERTOKENS
    ) -> Iterator[tuple[Study, str, list[Group], Measure]]:
        """By study, main series that `settings` speak of (with its name) and result: the groups
        that have it, along `axis`.
        """
        for study in self.studies:
            for name, groups in main_series(study, settings, axis).items():
                for measure in results(study, settings.results):
                    if having := [group for group in groups if group.by_seed.get(measure)]:
                        yield study, name, having, measure


def gather(evidence: Evidence, studies: tuple[Study, ...]) -> Material:
    """The studies, and all records of costs, whether a trial used them or not."""
    used = [record for record in evidence.records.values() if record.stage == "profile"]
    profiles = {record.key: record for record in (*used, *evidence.profiles)}
    return Material(studies, tuple(profiles[key] for key in sorted(profiles)))


def main_series(study: Study, settings: CheckSettings, axis: Axis) -> Mapping[str, list[Group]]:
    """The main series that a check speaks of, by name: groups that stand somewhere on `axis`."""
    found = {
        name: [group for group in groups if group.is_on(axis) and is_meant(study, group, settings)]
        for name, groups in study.summary.main_series(axis).items()
    }
    return {name: groups for name, groups in found.items() if groups}


def is_meant(study: Study, group: Group, settings: CheckSettings) -> bool:
    """Whether a check speaks of the student of `group`."""
    name = study.student_of(group).get("name")
    return name == settings.student and group.loss.name == settings.loss


def results(study: Study, metrics: Sequence[str]) -> list[Measure]:
    """The headline results of a study among `metrics`."""
    return [measure for measure in study.summary.headlines if measure.metric in metrics]


def compare(
    study: Study, group: Group, reference: Group, measure: Measure, limit: Limit, what: str
) -> Finding:
    """The difference of two groups, paired by seed, against a limit."""
    change = group.difference(reference, measure)
    return find_change(study, (group, reference), measure, change, limit, what)


def find_change(
    study: Study,
    groups: Sequence[Group],
    measure: Measure,
    change: Difference,
    limit: Limit,
    what: str,
) -> Finding:
    """A difference that comes of `groups` against a limit."""
    return find_difference(
        change,
        limit,
        what=what,
        observed=f"{points_text(change, measure)}, n = {change.n}",
        unit="points" if measure.unit == "%" else measure.unit,
        place=place_of(study, groups[0], measure),
        trials=named_trials(study, groups, measure),
        sources=sources(study, groups, measure),
    )


def named_trials(study: Study, groups: Sequence[Group], measure: Measure) -> tuple[str, ...]:
    """The trials behind numbers, as `trial_id` names them, in order."""
    runs = [run for group in groups for run in study.runs_of(group, measure)]
    return tuple(sorted({trial_id(study.trial_of(run)) for run in runs}))


def sources(study: Study, groups: Sequence[Group], measure: Measure) -> Iterator[str]:
    """Names of the very numbers that `groups` have."""
    for group in groups:
        for run in study.runs_of(group, measure):
            yield f"{measure.metric}:{run.numbers[measure][1]}"
