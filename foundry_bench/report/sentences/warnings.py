"""What about the numbers a reader must know first: what is missing, mixed or doubtful."""

import math
from collections import defaultdict
from collections.abc import Collection, Sequence

import pandas as pd

from foundry_bench.record import Record
from foundry_bench.report.records.harvest import Evidence
from foundry_bench.report.records.provenance import (
    LATENCY,
    commits,
    device_text,
    measured_on,
    package_versions,
)
from foundry_bench.report.records.rows import failed_stage
from foundry_bench.report.statistics.intervals import MIN_SEEDS
from foundry_bench.report.study.measures import DISTILL_LOSS, LITERATURE
from foundry_bench.report.study.study import Study
from foundry_bench.report.study.summary import Summary
from foundry_bench.report.wording import and_list
from foundry_bench.results.redact import redact_paths

MAX_NAMED = 8
"""Failed trials that are named one by one."""


def warn(study: Study) -> list[str]:
    """What is missing, mixed or doubtful in a sweep, most important first."""
    evidence, summary = study.evidence, study.summary
    records = list(evidence.records.values())
    notes = [
        *_ended_badly(evidence),
        *not_finite(study.rows),
        *_seeds(summary),
        *_missing(summary),
        *_mixed("devices", {device_text(record.device) for record in records if record.device}),
        *_mixed("commits", commits(records)),
        *_mixed_stages(records),
    ]
    for name, versions in package_versions(records).items():
        notes += _mixed(f"versions of {name}", versions)
    if any(
        record.config.get("protocol") == "literature"
        or any(metric.startswith(LITERATURE) for metric in record.metrics)
        for record in records
    ):
        notes.append(
            "Some results follow the protocol `literature`: the test set chose their epoch."
        )
    return notes


def warn_of_profiles(profiles: Sequence[Record]) -> list[str]:
    """What to know first of records of costs: what is not finite, and times of several devices."""
    notes = [
        f"{metric} of a profile ({record.key[:12]}) is not finite."
        for record in profiles
        for metric, value in sorted(record.metrics.items())
        if not math.isfinite(value)
    ]
    devices = {
        device_text(measured_on(record))
        for record in profiles
        if any(metric.startswith(LATENCY) for metric in record.metrics)
    }
    if len(devices) > 1:
        notes.append(
            f"Latencies were measured on several devices: {and_list(sorted(devices))}. They are"
            " compared on one device only."
        )
    return notes


def _ended_badly(evidence: Evidence) -> list[str]:
    bad = [trial for trial in evidence.trials if trial.status != "done"]
    notes = []
    for trial in bad[:MAX_NAMED]:
        stage = failed_stage(trial, evidence)
        where = f" in {stage.stage}{f' {stage.task}' if stage.task else ''}" if stage else ""
        error = (stage.error if stage and stage.error else trial.error) or ""
        said = redact_paths(error.strip().splitlines()[0]) if error.strip() else ""
        notes.append(
            f"Trial {trial.trial} (seed {trial.seed}) ended as"
            f" {trial.status}{where}{f': {said}' if said else '.'}"
        )
    if len(bad) > MAX_NAMED:
        notes.append(
            f"{len(bad) - MAX_NAMED} further trials did not end well; rows.csv has their status."
        )
    return notes


def _seeds(summary: Summary) -> list[str]:
    if not summary.results:
        return []
    measure = summary.results[0]
    groups = [group for group in summary.groups if measure not in group.constants]
    counts = [len(group.by_seed.get(measure, {})) for group in groups]
    most = max(counts, default=0)
    notes = []
    if 0 < most < MIN_SEEDS:
        notes.append(
            f"Only {most} seed{'s' if most > 1 else ''}: points without intervals; no difference"
            " is tested."
        )
    short = [
        f"{group.name} ({n} of {most})"
        for group, n in zip(groups, counts, strict=True)
        if 0 < n < most
    ]
    if short:
        notes.append(f"Fewer seeds than the others: {and_list(short)}.")
    return notes


def _missing(summary: Summary) -> list[str]:
    if not summary.groups:
        return ["There are no records: nothing to show."]
    if not summary.results:
        return ["No trial has a result of a task."]
    measure = summary.results[0]
    notes = [
        f"No {measure.label} of {group.name}."
        for group in summary.groups
        if not group.by_seed.get(measure)
    ]
    alone = [
        name
        for name, groups in summary.main_series().items()
        if summary.teacher_of(groups[0]) is None
    ]
    if not summary.teachers:
        notes.append(
            "The teacher itself was not evaluated: nothing shows how much a student could reach."
        )
    elif alone:
        notes.append(f"The teacher of {and_list(alone)} was not evaluated.")
    lost = [group.name for group in summary.of_role("main") if not group.by_seed.get(DISTILL_LOSS)]
    if lost:
        notes.append(f"No distillation loss of {and_list(lost)}.")
    return notes


def _mixed(what: str, found: Collection[str]) -> list[str]:
    several = f"The records come from several {what}: {and_list(sorted(found))}."
    return [several] if len(found) > 1 else []


def _mixed_stages(records: Sequence[Record]) -> list[str]:
    """Kinds of stages that the records have in several versions: their numbers are not alike."""
    found: dict[str, set[int]] = defaultdict(set)
    for record in records:
        label = f"{record.stage} {record.task}" if record.task else record.stage
        found[label].add(record.stage_version)
    return [
        f"The records of {label} come from several versions of that stage:"
        f" {and_list(sorted(versions))}; their numbers are not alike."
        for label, versions in sorted(found.items())
        if len(versions) > 1
    ]


def not_finite(rows: pd.DataFrame) -> list[str]:
    """Which numbers of `rows` are not finite, a sentence each."""
    bad = rows[(rows["metric"] != "") & ~rows["value"].abs().lt(math.inf)]
    return [
        f"{metric} of trial {trial} is not finite; it is in rows.csv and in no figure."
        for trial, metric in zip(bad["trial"], bad["metric"], strict=True)
    ]
