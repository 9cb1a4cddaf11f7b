"""Records of `profile` -> what the page of costs shows."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from foundry_bench.record import Record
from foundry_bench.report.profiles.faults import find_fault
from foundry_bench.report.records.provenance import device_text

PARTS = ("group", "tokenize", "compress", "encode", "upsample", "head")
"""As the records name them."""
FLOOR = ("group", "tokenize")
"""What every student with the teacher's tokenizer keeps: geometry and tokenizer."""
MOMENTARY = ("measured", "packages")
"""What tells one measurement of a thing from another."""
MODES = ("eager", "compiled", "cuda_graph", "onnxruntime")
PRECISIONS = ("fp32", "bf16", "int8")


@dataclass(frozen=True)
class Measured:
    """A record that says what one model costs."""

    record: Record

    @property
    def kind(self) -> str:
        """`flops`, `latency` or `memory`."""
        return str(self.record.task)

    @property
    def config(self) -> dict[str, Any]:
        """Of the record."""
        return self.record.config

    @property
    def student(self) -> dict[str, Any]:
        """Its settings; empty for the teacher."""
        return self.config["student"] or {}

    @property
    def is_teacher(self) -> bool:
        """Whether it is of the teacher itself."""
        return not self.student

    @property
    def model(self) -> str:
        """What to call it."""
        words = [self.student.get("name", "teacher")]
        words += [
            f"{word}={self.student[name]}"
            for name, word in (("supertokens", "s"), ("budget", "budget"))
            if self.student.get(name) is not None
        ]
        return " ".join(words) + (", distilled" if "distill" in self.record.inputs else "")

    @property
    def teacher(self) -> str:
        """The teacher's name and size."""
        teacher = self.config["teacher"]
        return (
            f"{teacher['name']} {teacher['width']} wide, {teacher['depth']} blocks, "
            f"{teacher['patches']} patches of {teacher['patch_size']} points"
        )

    @property
    def head(self) -> str:
        """What it answers."""
        parts = self.config.get("parts")
        return "classes" if parts is None else f"{parts} parts of points"

    @property
    def machine(self) -> str:
        """What it was measured on; empty for what is counted."""
        hardware = self.config.get("hardware")
        if hardware is None:
            return ""
        threads = self.config["threads"]
        return f"{device_text(hardware)}, {threads} thread{'s' if threads != 1 else ''}"

    @property
    def batch(self) -> int:
        """Clouds at a time."""
        return int(self.config.get("batch", 1))

    @property
    def way(self) -> str:
        """Machinery and precision; empty for what is counted."""
        mode = self.config.get("mode")
        return "" if mode is None else f"{mode} {self.config['precision']}"

    @property
    def is_plain(self) -> bool:
        """Whether it ran eagerly in fp32, so that parts can be told apart."""
        return self.way == "eager fp32"

    @property
    def session(self) -> tuple[str, str, int, str]:
        """Measurements that share it had turns with each other; the last is their moment."""
        return self.teacher, self.machine, self.batch, str(self.config.get("measured", ""))

    @property
    def floor(self) -> float:
        """The share of tokenizer and geometry in a latency by part; NaN without parts."""
        whole = sum(map(self.part_ms, PARTS))
        return sum(self.part_ms(part) for part in FLOOR) / whole if whole else math.nan

    def number(self, name: str) -> float | None:
        """A metric, if it has it."""
        return self.record.metrics.get(name)

    def part_ms(self, part: str) -> float:
        """The median latency of a part."""
        return self.record.metrics.get(f"latency_ms_{part}", 0.0)

    @property
    def rank(self) -> tuple[Any, ...]:
        """Its place: by teacher, machine and batch; the teacher before its students."""
        teacher = self.config["teacher"]
        sizes = (teacher["width"], teacher["depth"], teacher["patches"], teacher["name"])
        student = (
            self.student.get("name", ""),
            self.student.get("supertokens") or 0,
            self.student.get("budget") or 0,
            self.record.inputs.get("distill", ""),
        )
        way: tuple[int, ...] = ()
        if self.way:
            mode, precision = self.config["mode"], self.config["precision"]
            way = (PRECISIONS.index(precision), MODES.index(mode))
        return (sizes, self.machine, self.batch, *student, *way, self.record.key)


def read_profiles(records: Sequence[Record]) -> list[Measured]:
    """All that say what a model costs, in order.

    Counts that follow a reading of somebody else's figures (a `preset`) are left out, and records
    that have a fault.
    """
    found = [
        Measured(record)
        for record in records
        if "preset" not in record.config
        and record.task in ("flops", "latency", "memory")
        and not find_fault(record)
    ]
    return sorted(found, key=lambda each: each.rank)


def of_kind(measured: Sequence[Measured], kind: str) -> list[Measured]:
    """Those of one kind."""
    return [each for each in measured if each.kind == kind]


def newest(measured: Sequence[Measured]) -> list[Measured]:
    """Of each thing, under each condition, the newest record; in order."""
    found: dict[str, Measured] = {}
    for each in sorted(measured, key=lambda each: each.session[-1]):
        lasting = {name: value for name, value in each.config.items() if name not in MOMENTARY}
        thing = [each.kind, lasting, each.record.inputs, each.record.seed]
        found[json.dumps(thing, sort_keys=True)] = each
    return sorted(found.values(), key=lambda each: each.rank)


def side_by_side(latencies: Sequence[Measured]) -> list[list[Measured]]:
    """Eager fp32 by teacher, machine and batch: those that had turns with each other in the
    measurement with the most models, and of several such in the newest.
    """
    plain = sorted((each for each in latencies if each.is_plain), key=_place)
    found = []
    for _, group in groupby(plain, key=_place):
        sessions: dict[str, list[Measured]] = {}
        for each in group:
            sessions.setdefault(each.session[-1], []).append(each)
        best = max(sessions, key=lambda moment: (len(sessions[moment]), moment))
        found.append(sorted(sessions[best], key=lambda each: each.rank))
    return sorted(found, key=lambda several: several[0].rank)


def _place(each: Measured) -> tuple[str, str, int]:
    return each.teacher, each.machine, each.batch
