"""Statistics -> the best student within limits, and how sure that is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from foundry_bench.errors import FoundryError
from foundry_bench.registry import unknown
from foundry_bench.report.analysis.fronts import Front, find_front
from foundry_bench.report.statistics.intervals import (
    CONFIDENCE,
    MIN_SEEDS,
    Difference,
    Interval,
    correct,
)
from foundry_bench.report.study.costs import GMACS, LATENCY, PEAK, WEIGHTS, Costs, Setup
from foundry_bench.report.study.measures import Measure
from foundry_bench.report.study.summary import Group, Summary


@dataclass(frozen=True)
class Wanted:
    """What a device can bear; None where it does not matter.

    Attributes:
        weights_mib: of weights in `precision`.
        batch: under which, with `mode`, `precision`, `threads` and `device` (a part of its name),
            latencies and peaks count.
    """

    latency_ms: float | None = None
    weights_mib: float | None = None
    peak_mib: float | None = None
    gmacs: float | None = None
    batch: int = 1
    mode: str = "eager"
    precision: str = "fp32"
    threads: int | None = None
    device: str | None = None


@dataclass(frozen=True)
class Limit:
    """The most that a cost may be.

    Attributes:
        option: of the command line.
        measure: None: nothing was measured so.
        what: the cost in words.
    """

    option: str
    most: float
    measure: Measure | None
    what: str

    def share(self, group: Group) -> float | None:
        """What `group` costs over the limit; None if it is not known."""
        if self.measure is None or not group.by_seed.get(self.measure):
            return None
        return group.interval(self.measure).mean / self.most


@dataclass(frozen=True)
class Rival:
    """Another student within the limits, and what the best has more than it (Holm-corrected)."""

    group: Group
    name: str
    change: Difference

    @property
    def is_told_apart(self) -> bool:
        """Whether the seeds tell it from the best."""
        return self.change.p < 1 - CONFIDENCE


@dataclass(frozen=True)
class Unknown:
    """A student, and the limits on what nobody measured of it."""

    group: Group
    name: str
    limits: tuple[Limit, ...]


@dataclass(frozen=True)
class Choice:
    """What was found in a sweep.

    Attributes:
        cost: what the front is drawn over: the first limit, else MACs.
        rivals: the others within the limits, from the best.
        unknown: students of which a limited cost is not known.
        teacher: and whether it is within the limits (None: not known).
    """

    result: Measure
    limits: tuple[Limit, ...]
    cost: Measure
    best: Group
    name: str
    interval: Interval
    rivals: tuple[Rival, ...]
    front: Front | None
    unknown: tuple[Unknown, ...]
    teacher: Group | None
    teacher_fits: bool | None


def find_result(summary: Summary, task: str | None, metric: str | None) -> Measure:
    """The result to choose by: of `task`, called `metric`; by default the preferred ones.

    Raises:
        FoundryError: if there is none, with those that there are.
    """
    if not summary.results:
        raise FoundryError("no trial has a result yet; wait for the sweep, or give another folder")
    tasks = list(dict.fromkeys(measure.task for measure in summary.results))
    if task is not None and task not in tasks:
        raise FoundryError(f"--task: {unknown('task', task, tasks)}")
    found = [measure for measure in summary.results if task in (None, measure.task)]
    metrics = list(dict.fromkeys(measure.metric for measure in found))
    if metric is not None and metric not in metrics:
        raise FoundryError(f"--metric: {unknown('metric', metric, metrics)}")
    return next(measure for measure in found if metric in (None, measure.metric))


def find_limits(wanted: Wanted, costs: Costs) -> tuple[Limit, ...]:
    """`wanted` as limits of what the sweep's students cost.

    Raises:
        FoundryError: if several devices were measured, and `wanted` fits more than one.
    """
    given: list[Limit] = []
    if wanted.latency_ms is not None:
        measure = _measured(LATENCY, wanted, costs)
        given.append(Limit("--max-latency-ms", wanted.latency_ms, measure, "latency"))
    if wanted.weights_mib is not None:
        weights = WEIGHTS.get(wanted.precision)
        if weights is None:
            raise FoundryError(f"--precision: {unknown('precision', wanted.precision, WEIGHTS)}")
        known = weights if weights in costs.measures else None
        given.append(Limit("--max-mib", wanted.weights_mib, known, weights.label))
    if wanted.peak_mib is not None:
        measure = _measured(PEAK, wanted, costs)
        given.append(Limit("--max-peak-mib", wanted.peak_mib, measure, "peak memory"))
    if wanted.gmacs is not None:
        known = GMACS if GMACS in costs.measures else None
        given.append(Limit("--max-gmacs", wanted.gmacs, known, GMACS.label))
    return tuple(given)


def choose(summary: Summary, result: Measure, limits: Sequence[Limit]) -> Choice:
    """The best student by `result` within `limits`.

    Main students and ablations are chosen among, not baselines: those with three seeds, as on the
    front; if there are none, all.

    Raises:
        FoundryError: if none is within the limits, with the nearest; if no cost is known; or if
            results are on different data or after different training.
    """
    groups = [
        group for group in summary.groups if group.role != "baseline" and group.by_seed.get(result)
    ]
    if not groups:
        raise FoundryError(f"no student has a result of {result.label}")
    grounds = list(dict.fromkeys(group.setting.ground for group in groups))
    if len(grounds) > 1:
        raise FoundryError(
            f"the sweep varies data or training ({'; '.join(grounds)}), and results across these"
            " do not say which student is best; choose among the students of a sweep that varies"
            " neither"
        )
    groups = [group for group in groups if group.interval(result).n >= MIN_SEEDS] or groups
    shares = {group: [limit.share(group) for limit in limits] for group in groups}
    known = [group for group in groups if None not in shares[group]]
    unknown_costs = [
        Unknown(group, summary.name(group), lacking)
        for group in groups
        if (lacking := tuple(limit for limit in limits if limit.share(group) is None))
    ]
    within = [group for group in known if _largest(shares[group]) <= 1]
    if not within:
        raise FoundryError(_nothing(known, shares, limits, summary))
    best, *others = sorted(within, key=lambda group: -group.interval(result).mean)
    changes = correct({place: best.difference(each, result) for place, each in enumerate(others)})
    rivals = [
        Rival(other, summary.name(other), changes[place]) for place, other in enumerate(others)
    ]
    cost = next((limit.measure for limit in limits if limit.measure is not None), GMACS)
    teacher = summary.teacher_of(best)
    of_teacher = [] if teacher is None else [limit.share(teacher) for limit in limits]
    return Choice(
        result,
        tuple(limits),
        cost,
        best,
        summary.name(best),
        best.interval(result),
        tuple(rivals),
        find_front(summary, result, cost),
        tuple(unknown_costs),
        teacher,
        None if teacher is None or None in of_teacher else _largest(of_teacher) <= 1,
    )


def _measured(kind: str, wanted: Wanted, costs: Costs) -> Measure | None:
    """The latency or peak that was measured as `wanted`; None if none was."""
    found = [
        (measure, setup)
        for measure, setup in costs.setups.items()
        if measure.metric.startswith(kind) and _fits(setup, wanted)
    ]
    kinds = [f"{setup.text}, {setup.device}" for _, setup in found]
    if len({(setup.device, setup.threads) for _, setup in found}) > 1:
        raise FoundryError(
            "measured on several devices, or with several numbers of threads: "
            f"{'; '.join(kinds)}; say which by --device and --threads"
        )
    return found[0][0] if found else None


def _fits(setup: Setup, wanted: Wanted) -> bool:
    return (
        (setup.batch, setup.mode, setup.precision) == (wanted.batch, wanted.mode, wanted.precision)
        and wanted.threads in (None, setup.threads)
        and (wanted.device or "").lower() in setup.device.lower()
    )


def _largest(shares: Sequence[float | None]) -> float:
    return max((share for share in shares if share is not None), default=0.0)


def _nothing(
    known: Sequence[Group],
    shares: Mapping[Group, Sequence[float | None]],
    limits: Sequence[Limit],
    summary: Summary,
) -> str:
    """Why nothing is within the limits, and what to do."""
    if not known:
        missing = [
            limit.what
            for place, limit in enumerate(limits)
            if all(each[place] is None for each in shares.values())
        ]
        return f"no student's {' and '.join(missing) or 'costs'} are known"
    nearest = min(known, key=lambda group: _largest(shares[group]))
    over = [
        f"{limit.what} {nearest.interval(limit.measure).mean:.4g} {limit.measure.unit}"
        f" ({limit.option} {limit.most:g})"
        for limit, share in zip(limits, shares[nearest], strict=True)
        if share is not None and share > 1 and limit.measure is not None
    ]
    return (
        f"none of {len(known)} students is within the limits; the nearest is "
        f"{summary.name(nearest)}: {', '.join(over)}; raise the limit, or search for"
        " smaller students"
    )
