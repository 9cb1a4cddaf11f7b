"""Where the numbers come from, and what about them a reader must know first."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from foundry_bench.record import Record
from foundry_bench.report.harvest import Evidence
from foundry_bench.report.measures import DISTILL_LOSS, LITERATURE
from foundry_bench.report.redact import redact_paths
from foundry_bench.report.rows import failed_stage
from foundry_bench.report.runs import not_finite
from foundry_bench.report.stats import MIN_SEEDS
from foundry_bench.report.summary import TEACHER, Summary
from foundry_bench.report.wording import and_list

MAX_NAMED = 8
"""Failed trials that are named one by one."""

LATENCY = "latency"
"""Begins metrics that depend on the device."""

Fact = tuple[str, str]


def describe_environment(evidence: Evidence) -> list[Fact]:
    """Device, packages, commit, threads and time, as the records of a sweep give them."""
    records = list(evidence.records.values())
    facts: list[Fact] = [("trials", str(len(evidence.trials))), ("stages", str(len(records)))]
    facts.append(
        (
            "seeds",
            and_list([str(seed) for seed in sorted({trial.seed for trial in evidence.trials})]),
        )
    )
    for device, count in sorted(Counter(device_text(record.device) for record in records).items()):
        facts.append((f"device of {count} stages", device))
    facts.append(
        (
            "threads a trial",
            and_list([str(n) for n in sorted({trial.threads for trial in evidence.trials})]),
        )
    )
    facts.append(("code", and_list(commits(records)) or "no commit recorded"))
    facts += [(name, and_list(versions)) for name, versions in package_versions(records).items()]
    seconds = sum(record.timings.get("wall_s", 0.0) for record in records)
    facts.append(("time in stages", f"{seconds:.0f} s, shared stages counted once"))
    return facts


def warn(evidence: Evidence, rows: pd.DataFrame, summary: Summary) -> list[str]:
    """What is missing, mixed or doubtful in a sweep, most important first."""
    records = list(evidence.records.values())
    return [
        *_ended_badly(evidence),
        *not_finite(rows),
        *_seeds(summary),
        *_missing(summary),
        *_mixed(
            "devices", sorted({device_text(record.device) for record in records if record.device})
        ),
        *_mixed("commits", commits(records)),
        *_mixed_stages(records),
        *(
            _mixed_package(name, versions)
            for name, versions in package_versions(records).items()
            if len(versions) > 1
        ),
        *_protocol(evidence),
    ]


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


def measured_on(record: Record) -> Mapping[str, Any]:
    """The device that a record of costs is of: what was asked for, which need not be what the
    process that wrote the record ran on.
    """
    hardware = record.config.get("hardware")
    return hardware if isinstance(hardware, Mapping) and hardware else record.device


def device_text(device: Mapping[str, Any]) -> str:
    """A device in words."""
    if not device:
        return "not recorded"
    name = str(device.get("name") or device.get("kind") or "unknown")
    cores = device.get("cores")
    return f"{name} ({cores} cores)" if cores and device.get("kind") == "cpu" else name


def commits(records: Sequence[Record]) -> list[str]:
    """Commits of the code, shortened, in order."""
    return sorted({_short_commit(record.commit) for record in records if record.commit})


def package_versions(records: Sequence[Record]) -> dict[str, list[str]]:
    """Package -> the versions that records name."""
    found: dict[str, set[str]] = defaultdict(set)
    for record in records:
        for name, version in record.packages.items():
            found[name].add(version)
    return {name: sorted(found[name]) for name in sorted(found)}


def _short_commit(commit: str) -> str:
    base, _, dirty = commit.partition("-")
    return f"{base[:12]} with changes that are not committed" if dirty else base[:12]


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
    if not any(group.variant == TEACHER for group in summary.of_role("anchor")):
        notes.append(
            "The teacher itself was not evaluated: nothing shows how much a student could reach."
        )
    elif alone:
        notes.append(f"The teacher of {and_list(alone)} was not evaluated.")
    lost = [group.name for group in summary.of_role("main") if not group.by_seed.get(DISTILL_LOSS)]
    if lost:
        notes.append(f"No distillation loss of {and_list(lost)}.")
    return notes


def _mixed(what: str, found: Sequence[str]) -> list[str]:
    return (
        [f"The records come from several {what}: {and_list(list(found))}."]
        if len(found) > 1
        else []
    )


def _mixed_stages(records: Sequence[Record]) -> list[str]:
    """Kinds of stages that the records have in several versions: their numbers are not alike."""
    found: dict[str, set[int]] = defaultdict(set)
    for record in records:
        label = f"{record.stage} {record.task}" if record.task else record.stage
        found[label].add(record.stage_version)
    return [
        f"The records of {label} come from several versions of that stage:"
        f" {and_list([str(version) for version in sorted(versions)])}; their numbers are not alike."
        for label, versions in sorted(found.items())
        if len(versions) > 1
    ]


def _mixed_package(name: str, versions: Sequence[str]) -> str:
    return f"The records come from several versions of {name}: {and_list(list(versions))}."


def _protocol(evidence: Evidence) -> list[str]:
    records = evidence.records.values()
    is_literature = any(
        record.config.get("protocol") == "literature"
        or any(metric.startswith(LITERATURE) for metric in record.metrics)
        for record in records
    )
    literature = "Some results follow the protocol `literature`: the test set chose their epoch."
    return [literature] if is_literature else []
