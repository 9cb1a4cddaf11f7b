"""Statistics -> whether a result that trains no backbone orders students as fine-tuning does."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from foundry_bench.report.statistics.correlation import RankCorrelation, rank_correlation
from foundry_bench.report.study.measures import Measure
from foundry_bench.report.study.summary import Group, Summary

MIN_STUDENTS = 3
"""Two have one order only: a difference, which the tables show."""


@dataclass(frozen=True)
class Agreement:
    """A cheap result against the result that it stands for, over all students of one ground.

    Attributes:
        ground: the setting of data and training that the students share; empty if none varies.
        found: over runs; the level of a run is its student.
    """

    proxy: Measure
    result: Measure
    ground: str
    found: RankCorrelation


def find_agreements(summary: Summary, data_of: Mapping[str, str]) -> list[Agreement]:
    """Each result that trains no backbone against the preferred one that does, on the same data.

    Main students and ablations count; baselines would stand far off and decide the order.

    Args:
        summary: of one sweep.
        data_of: a task's label -> its data set; a task that is left out has no pair.
    """
    return [
        Agreement(proxy, result, ground, _correlate(groups, proxy, result))
        for proxy, result in _pairs(summary, data_of)
        for ground, groups in _by_ground(summary, proxy, result).items()
        if len(groups) >= MIN_STUDENTS
    ]


def _pairs(summary: Summary, data_of: Mapping[str, str]) -> Iterator[tuple[Measure, Measure]]:
    for proxy in summary.headlines:
        data = data_of.get(proxy.task)
        if proxy.is_trained or data is None:
            continue
        trained = (
            each for each in summary.headlines if each.is_trained and data_of.get(each.task) == data
        )
        if (result := next(trained, None)) is not None:
            yield proxy, result


def _by_ground(summary: Summary, proxy: Measure, result: Measure) -> dict[str, list[Group]]:
    found: dict[str, list[Group]] = defaultdict(list)
    for group in summary.groups:
        has_both = group.by_seed.get(proxy, {}).keys() & group.by_seed.get(result, {}).keys()
        if group.role != "baseline" and has_both:
            found[group.setting.ground].append(group)
    return found


def _correlate(groups: Sequence[Group], proxy: Measure, result: Measure) -> RankCorrelation:
    runs = [
        (x, group.by_seed[result][seed], level)
        for level, group in enumerate(groups)
        for seed, x in group.by_seed[proxy].items()
        if seed in group.by_seed[result]
    ]
    return rank_correlation(*zip(*runs, strict=True))
