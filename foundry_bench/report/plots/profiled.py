"""Names and conditions of profile records, which belong to no trial."""

import math
from collections.abc import Sequence
from typing import Any

from foundry_bench.record import Record


def model_text(record: Record) -> str:
    """What a figure calls the model: `teacher`, or the student with SuperTokens and budget."""
    student: dict[str, Any] = record.config.get("student") or {}
    words = [str(student.get("name", "teacher")).replace("_", " ")]
    words += [
        f"{word}={student[name]}"
        for name, word in (("supertokens", "s"), ("budget", "budget"))
        if student.get(name) is not None
    ]
    return " ".join(words) + (", distilled" if "distill" in record.inputs else "")


def teacher_text(record: Record) -> str:
    """The teacher's name and size."""
    teacher = record.config["teacher"]
    return (
        f"{teacher['name']} {teacher['width']} wide, {teacher['depth']} blocks,"
        f" {teacher['patches']} patches"
    )


def machine_text(record: Record) -> str:
    """What it was measured on."""
    hardware = record.config.get("hardware") or record.device
    name = str(hardware.get("name") or hardware.get("kind") or "unknown device")
    threads = int(record.config.get("threads") or record.device.get("threads") or 1)
    return f"{name}, {threads} thread{'s' if threads != 1 else ''}"


def of_task(profiles: Sequence[Record], task: str) -> list[Record]:
    """Finished measurements of one kind; not those that follow a reading of others' figures."""
    return [
        record
        for record in profiles
        if record.task == task and record.status == "done" and "preset" not in record.config
    ]


def metric_of(record: Record, name: str) -> float:
    """A metric; NaN without it."""
    return float(record.metrics.get(name, math.nan))


def rank_of(record: Record) -> tuple[str, int, int]:
    """The place of a model among others: the teacher first, then by name and size."""
    student = record.config.get("student") or {}
    supertokens, budget = student.get("supertokens") or 0, student.get("budget") or 0
    return str(student.get("name", "")), int(supertokens), int(budget)
