"""Where numbers come from: devices, packages and commits, as records name them."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from foundry_bench.record import Record
from foundry_bench.report.records.harvest import Evidence, settings_of
from foundry_bench.report.wording import and_list

LATENCY = "latency"
"""Begins metrics that depend on the device."""

Fact = tuple[str, str]


def describe_environment(evidence: Evidence) -> list[Fact]:
    """Device, packages, commit, threads and time, as the records of a sweep give them."""
    records, trials = list(evidence.records.values()), evidence.trials
    devices = Counter(device_text(record.device) for record in records)
    seconds = sum(record.timings.get("wall_s", 0.0) for record in records)
    return [
        ("trials", str(len(trials))),
        ("stages", str(len(records))),
        ("seeds", and_list(sorted({trial.seed for trial in trials}))),
        *((f"device of {count} stages", device) for device, count in sorted(devices.items())),
        ("threads a trial", and_list(sorted({trial.threads for trial in trials}))),
        ("code", and_list(commits(records)) or "no commit recorded"),
        *((name, and_list(versions)) for name, versions in package_versions(records).items()),
        ("time in stages", f"{seconds:.0f} s, shared stages counted once"),
    ]


def measured_on(record: Record) -> Mapping[str, Any]:
    """The device that a record of costs is of: what was asked for, which need not be what the
    process that wrote the record ran on.
    """
    return settings_of(record.config, "hardware") or record.device


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
