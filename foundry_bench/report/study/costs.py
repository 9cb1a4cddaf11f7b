"""Records of `profile` -> what each run's backbone costs.

Such a record belongs to a teacher or student in a size, not to a trial: a run costs what the record
says whose settings are the run's, as far as they decide what is computed.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from foundry_bench.record import Record, TrialRecord
from foundry_bench.report.records.harvest import Evidence
from foundry_bench.report.records.provenance import device_text, measured_on
from foundry_bench.report.study.measures import ENCODER_TOKENS, Measure
from foundry_bench.report.study.runs import INFERENCE_ONLY, Number, Run

GMACS = Measure("gmacs", "MACs of a cloud", "MACs", unit="G", digits=4)

WEIGHTS = {
    precision: Measure(
        f"weight_mib_{precision}",
        f"weights, {precision}",
        f"weights {precision}",
        unit="MiB",
        digits=2,
    )
    for precision in ("fp32", "bf16", "int8")
}

LATENCY, PEAK = "latency_ms", "peak_mib"
"""What `Measure.metric` of latencies and of peaks begins with."""

PEAKS = {"peak_rss_bytes": "peak RSS", "peak_allocated_bytes": "peak allocated"}

GIGA, MIB = 1e9, 2**20

SAME_COST = {
    "gate_lambda",
    "gate_reduction",
    "gate_gradient",
    "gate_threshold",
    "gate_weight_decay",
    "gate_learns",
    "distill_budget",
}
"""Settings of students that decide how they learn, and whom they merge, but not what that costs."""

SCENES = "scenes"
"""The task of records that are of scenes, which no sweep's students have seen."""

NEAR = 0.75
"""Tokens between the mean that enter an encoder and the budget that stands for it."""


@dataclass(frozen=True)
class Setup:
    """Under what a number was measured.

    Attributes:
        device: in words.
        mode: such as `eager`.
    """

    device: str
    batch: int
    mode: str
    precision: str
    threads: int | None = None

    @property
    def text(self) -> str:
        """All but the device."""
        plural = "" if self.threads == 1 else "s"
        threads = "" if self.threads is None else f", {self.threads} thread{plural}"
        return f"batch {self.batch}, {self.mode} {self.precision}{threads}"


@dataclass(frozen=True)
class Costs:
    """What was found.

    Attributes:
        runs: the runs given, with what they cost among their values.
        measures: the costs that some run has, in the order in which figures show them.
        setups: of those that were measured on a device.
    """

    runs: tuple[Run, ...]
    measures: tuple[Measure, ...]
    setups: Mapping[Measure, Setup]


def add_costs(runs: Sequence[Run], evidence: Evidence) -> Costs:
    """`runs` (of one sweep, which `evidence` is of) with what they cost."""
    trials = {trial.trial: trial for trial in evidence.trials}
    prints = _teacher_prints(evidence)
    profiles = [
        record
        for record in evidence.profiles
        if record.task != SCENES and "preset" not in record.config
    ]
    numbers = {record.key: _numbers_of(record) for record in profiles}
    company = _company(profiles)
    found = []
    for run in runs:
        trial = trials[run.trial]
        records = _of_teacher(profiles, prints.get(_teacher(trial)))
        costs = _costs(run, trial, records, numbers, company)
        found.append(replace(run, numbers={**run.numbers, **costs}))
    setups = {measure: setup for each in numbers.values() for measure, (_, setup) in each.items()}
    shown = {measure for run in found for measure in run.numbers} & setups.keys()
    measures = sorted(shown, key=lambda measure: _rank(measure, setups[measure]))
    known = {measure: setup for measure in measures if (setup := setups[measure]) is not None}
    return Costs(tuple(found), tuple(measures), known)


def _rank(measure: Measure, setup: Setup | None) -> tuple[Any, ...]:
    kinds = (GMACS.metric, LATENCY, PEAK, *(each.metric for each in WEIGHTS.values()))
    kind = next(place for place, start in enumerate(kinds) if measure.metric.startswith(start))
    if setup is None:
        return (kind,)
    plainness = (setup.mode != "eager", setup.precision != "fp32", setup.batch)
    return (kind, *plainness, setup.threads or 0, setup.device, measure.metric)


def _costs(
    run: Run,
    trial: TrialRecord,
    records: Sequence[Record],
    numbers: Mapping[str, Mapping[Measure, tuple[float, Setup | None]]],
    company: Mapping[str, int],
) -> dict[Measure, Number]:
    """The numbers of the records of the run's backbone, each with the record's key; of several the
    closest, of those the one measured in the largest company, and of those the newest.
    """
    student = trial.config.get("student")
    budget: float | None = None
    if isinstance(student, Mapping):
        own = run.level.budget if run.variant == INFERENCE_ONLY else student.get("budget")
        counted, _ = run.numbers.get(ENCODER_TOKENS, (None, ""))
        budget = own if own is not None else counted
    distilled = next((use.key for use in trial.stages if use.stage == "distill"), None)
    near: list[tuple[float, int, str, str]] = []
    for record in records:
        is_own = distilled is not None and record.inputs.get("distill") == distilled
        distance = _distance(record.config.get("student"), student, budget, is_own=is_own)
        if distance is not None:
            moment = str(record.config.get("measured", ""))
            near.append((distance, company.get(record.key, 0), moment, record.key))
    found: dict[Measure, Number] = {}
    newest_first = sorted(near, key=lambda each: each[1:], reverse=True)
    for *_, key in sorted(newest_first, key=lambda each: each[0]):
        for measure, (value, _) in numbers[key].items():
            found.setdefault(measure, (value, key))
    return found


def _company(profiles: Sequence[Record]) -> dict[str, int]:
    """The key of a latency -> how many models had turns with it, run in the same way: those are
    compared, so that a later measurement of a few does not mix with one of all.
    """
    timed = {
        record.key: (record.config["measured"], _setup(record), repr(record.config.get("teacher")))
        for record in profiles
        if "measured" in record.config
    }
    sizes = Counter(timed.values())
    return {key: sizes[together] for key, together in timed.items()}


def _distance(
    profiled: object, student: object, budget: float | None, *, is_own: bool
) -> float | None:
    """How far the budget of a profiled student is from that of a trial's; None for another student.

    `is_own`: the profiled student has the trial's own weights, so that it may do without a budget.
    """
    if not isinstance(profiled, Mapping) or not isinstance(student, Mapping):
        return 0.0 if not profiled and not student else None
    shared = (profiled.keys() & student.keys()) - SAME_COST - {"budget"}
    if any(profiled[name] != student[name] for name in shared):
        return None
    if "budget" not in profiled:
        return 0.0
    if profiled["budget"] is None:
        return -1.0 if is_own and student.get("budget") is None else None
    distance = None if budget is None else abs(profiled["budget"] - budget)
    return distance if distance is not None and distance <= NEAR else None


def _of_teacher(profiles: Iterable[Record], fingerprint: str | None) -> list[Record]:
    """The records of a teacher, by its weights, or of one of the same architecture."""
    each = list(profiles)
    same = [record for record in each if record.inputs.get("teacher") == fingerprint]
    sizes = [record.config.get("teacher") for record in same]
    return [record for record in each if record.config.get("teacher") in sizes]


def _teacher(trial: TrialRecord) -> str:
    return repr(trial.config.get("teacher"))


def _teacher_prints(evidence: Evidence) -> dict[str, str]:
    """A trial's teacher in its settings -> the fingerprint that stages know it by."""
    found: dict[str, str] = {}
    for trial in evidence.trials:
        for record in evidence.stages_of(trial):
            if (known := record.inputs.get("teacher")) is not None:
                found.setdefault(_teacher(trial), known)
    return found


def _numbers_of(record: Record) -> dict[Measure, tuple[float, Setup | None]]:
    """What a record of `profile` says of costs, in the measures' units; a head is left out, and
    what is not finite. (What labels points sees other tokens than the final ones.)
    """
    metrics = {name: value for name, value in record.metrics.items() if math.isfinite(value)}
    setup = _setup(record)
    found: dict[Measure, tuple[float, Setup | None]] = {}
    if "macs" in metrics and "parts" not in record.config:
        found[GMACS] = (metrics["macs"] - metrics.get("macs_head", 0.0)) / GIGA, None
    for precision, measure in WEIGHTS.items():
        if (size := metrics.get(f"weight_bytes_{precision}")) is not None:
            found[measure] = size / MIB, None
    if setup is not None and "latency_ms_median" in metrics:
        found[_measured(LATENCY, "latency", "ms", setup)] = metrics["latency_ms_median"], setup
    for name, words in PEAKS.items():
        if setup is not None and name in metrics:
            found[_measured(PEAK, words, "MiB", setup)] = metrics[name] / MIB, setup
    return found


def _setup(record: Record) -> Setup | None:
    config = record.config
    if "batch" not in config:
        return None
    return Setup(
        device_text(measured_on(record)),
        config["batch"],
        str(config.get("mode", "eager")),
        str(config.get("precision", "fp32")),
        config.get("threads", record.device.get("threads")),
    )


def _measured(kind: str, words: str, unit: str, setup: Setup) -> Measure:
    said = f"{setup.text}, {setup.device}"
    slug = "_".join("".join(each if each.isalnum() else " " for each in said).lower().split())
    return Measure(
        f"{kind}_{slug}", f"{words}, {setup.text}", f"{words}, {setup.text}", unit=unit, digits=2
    )
