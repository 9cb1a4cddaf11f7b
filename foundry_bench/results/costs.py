"""Costs of trials: records of `foundry-bench profile` matched to the backbones they measured.

A profile belongs to a teacher or student in a size, not to a trial: it counts for each trial whose
student has the same settings, as far as they decide what is computed.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from foundry_bench.record import Record, TrialRecord
from foundry_bench.results.loader import ResultSet

MIB = 2**20
SCENES = "scenes"
"""Task of profiles of large scenes, which no trial has seen."""

SAME_COST = {
    "gate_lambda",
    "gate_reduction",
    "gate_gradient",
    "gate_threshold",
    "gate_weight_decay",
    "gate_learns",
    "distill_budget",
}
"""Settings that decide how a student learns, or which tokens it merges, but not its cost."""

NEAR = 0.75
"""Largest distance between a trial's mean encoder tokens and the budget of a profile."""

COLUMNS = {
    "sweep": "object",
    "trial": "object",
    "cost": "object",
    "value": "float64",
    "unit": "object",
    "device": "object",
    "batch": "Int64",
    "mode": "object",
    "precision": "object",
    "threads": "Int64",
    "stage_key": "object",
}
"""Columns of `load_costs`, with their pandas types; a count has no device."""


def load_costs(results: ResultSet, encoder_tokens: Mapping[tuple[str, str], float]) -> pd.DataFrame:
    """One row per trial and cost: `macs`, `weight_mib_*`, `latency_ms`, `peak_*_mib`.

    Args:
        results: trials and profiles.
        encoder_tokens: (sweep, trial) -> mean tokens that entered its encoder.

    A profile with the trial's own settings counts. Among several the one with the nearest budget
    counts, then the one measured beside most models, then the newest.
    """
    profiles = [
        record
        for record in results.profiles
        if record.task != SCENES and "preset" not in record.config
    ]
    teachers = _teacher_fingerprints(results)
    measured_beside = _measured_beside(profiles)
    lines = []
    for trial in results.trials:
        fingerprint = teachers.get(_teacher(trial))
        tokens = encoder_tokens.get((trial.sweep, trial.trial))
        near = []
        for record in _of_teacher(profiles, fingerprint):
            distance = _distance(record, trial, tokens)
            if distance is not None:
                moment = str(record.config.get("measured", ""))
                near.append((distance, (measured_beside.get(record.key, 0), moment, record.key)))
        newest_first = sorted(near, key=lambda each: each[1], reverse=True)
        found: dict[tuple[Any, ...], dict[str, Any]] = {}
        records = {record.key: record for record in profiles}
        for _, (*_, key) in sorted(newest_first, key=lambda each: each[0]):
            for line in _lines(records[key]):
                conditions = tuple(
                    line.get(name)
                    for name in ("cost", "device", "batch", "mode", "precision", "threads")
                )
                found.setdefault(conditions, line)
        lines += [{"sweep": trial.sweep, "trial": trial.trial, **line} for line in found.values()]
    return pd.DataFrame(lines, columns=list(COLUMNS)).astype(COLUMNS)


def _lines(record: Record) -> Iterator[dict[str, Any]]:
    """The costs of one profile without a task's head."""
    metrics = {name: value for name, value in record.metrics.items() if math.isfinite(value)}
    config = record.config
    if "macs" in metrics and "parts" not in config:  # a head for parts sees other tokens
        macs = metrics["macs"] - metrics.get("macs_head", 0.0)
        yield {"cost": "macs", "value": macs, "unit": "", "stage_key": record.key}
    for precision in ("fp32", "bf16", "int8"):
        if (size := metrics.get(f"weight_bytes_{precision}")) is not None:
            name = f"weight_mib_{precision}"
            yield {"cost": name, "value": size / MIB, "unit": "MiB", "stage_key": record.key}
    if "batch" not in config:
        return
    conditions = {
        "device": _device(config.get("hardware") or record.device),
        "batch": config["batch"],
        "mode": str(config.get("mode", "eager")),
        "precision": str(config.get("precision", "fp32")),
        "threads": config.get("threads", record.device.get("threads")),
        "stage_key": record.key,
    }
    for metric, name, unit, scale in (
        ("latency_ms_median", "latency_ms", "ms", 1.0),
        ("peak_rss_bytes", "peak_rss_mib", "MiB", 1 / MIB),
        ("peak_allocated_bytes", "peak_allocated_mib", "MiB", 1 / MIB),
    ):
        if metric in metrics:
            yield {"cost": name, "value": metrics[metric] * scale, "unit": unit, **conditions}


def _device(device: Mapping[str, Any]) -> str:
    name = str(device.get("name") or device.get("kind") or "unknown")
    cores = device.get("cores")
    return f"{name} ({cores} cores)" if cores and device.get("kind") == "cpu" else name


def _measured_beside(profiles: Sequence[Record]) -> dict[str, int]:
    """Key of a latency -> models timed at the same moment under the same conditions.

    Those are compared with each other: a later measurement of a few must not mix with one of all.
    """
    timed = {
        record.key: repr(
            [
                record.config.get(name)
                for name in ("measured", "batch", "mode", "precision", "threads", "teacher")
            ]
            + [_device(record.config.get("hardware") or record.device)]
        )
        for record in profiles
        if "measured" in record.config
    }
    sizes = Counter(timed.values())
    return {key: sizes[conditions] for key, conditions in timed.items()}


def _distance(record: Record, trial: TrialRecord, tokens: float | None) -> float | None:
    """Distance between the budgets of a profiled student and a trial's; None: another student."""
    profiled, student = record.config.get("student"), trial.config.get("student")
    if not isinstance(profiled, Mapping) or not isinstance(student, Mapping):
        return 0.0 if not profiled and not student else None
    shared = (profiled.keys() & student.keys()) - SAME_COST - {"budget"}
    if any(profiled[name] != student[name] for name in shared):
        return None
    if "budget" not in profiled:
        return 0.0
    budget = student.get("budget")
    if profiled["budget"] is None:
        # A gate without a budget costs what its own weights let through: no other profile will do.
        distilled = next((use.key for use in trial.stages if use.stage == "distill"), None)
        is_own = distilled is not None and record.inputs.get("distill") == distilled
        return -1.0 if is_own and budget is None else None
    own = budget if budget is not None else tokens
    distance = None if own is None else abs(float(profiled["budget"]) - own)
    return distance if distance is not None and distance <= NEAR else None


def _of_teacher(profiles: Sequence[Record], fingerprint: str | None) -> list[Record]:
    """Profiles of a teacher's architecture: weights decide no cost."""
    same = [record for record in profiles if record.inputs.get("teacher") == fingerprint]
    sizes = [record.config.get("teacher") for record in same]
    return [record for record in profiles if record.config.get("teacher") in sizes]


def _teacher(trial: TrialRecord) -> str:
    return repr(trial.config.get("teacher"))


def _teacher_fingerprints(results: ResultSet) -> dict[str, str]:
    """A trial's teacher settings -> the fingerprint of its weights in stages."""
    found: dict[str, str] = {}
    for trial in results.trials:
        for record in results.stages_of(trial):
            if (known := record.inputs.get("teacher")) is not None:
                found.setdefault(_teacher(trial), known)
    return found
