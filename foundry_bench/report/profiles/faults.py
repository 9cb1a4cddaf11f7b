"""What a record of `profile` must say, so that the page of costs or of scenes can show it."""

import math
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from foundry_bench.record import Record
from foundry_bench.report.study.costs import SCENES
from foundry_bench.report.wording import and_list

MAX_NAMED = 3
QUARTILES = ("latency_ms_median", "latency_ms_q1", "latency_ms_q3")


class _Teacher(BaseModel):
    name: str
    width: int
    depth: int
    patches: int
    patch_size: int


class _Counted(BaseModel):
    teacher: _Teacher
    student: dict[str, Any] | None


class _Hardware(BaseModel):
    kind: str
    name: str


class _Measured(_Counted):
    hardware: _Hardware
    threads: int
    batch: int
    mode: Literal["eager", "compiled", "cuda_graph", "onnxruntime"]
    precision: Literal["fp32", "bf16", "int8"]


class _Scene(BaseModel):
    student: dict[str, Any] | None
    attention: str
    points: int
    patches: int
    memory_limit: int | None


_KINDS: dict[str | None, type[BaseModel]] = {
    "flops": _Counted,
    "latency": _Measured,
    "memory": _Measured,
    SCENES: _Scene,
}


def find_fault(record: Record) -> str:
    """What is wrong with a record of a known kind, in words; empty if it can be shown."""
    kind = _KINDS.get(record.task)
    if kind is None:
        return ""
    try:
        kind.model_validate(record.config)
    except ValidationError as error:
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg'].lower()}"
    missing = [
        name
        for name in (QUARTILES if record.task == "latency" else ())
        if not math.isfinite(record.metrics.get(name, math.nan))
    ]
    return f"{missing[0]}: not a number" if missing else ""


def tell_faults(profiles: Sequence[Record]) -> list[str]:
    """A sentence on records that cannot be shown, if there are any."""
    faults = [(record, find_fault(record)) for record in profiles]
    found = [f"{record.key[:12]} ({fault})" for record, fault in faults if fault]
    if not found:
        return []
    rest = [f"{len(found) - MAX_NAMED} more"] if len(found) > MAX_NAMED else []
    named = and_list([*found[:MAX_NAMED], *rest])
    return [f"Records of profile that do not say all that the page needs were left out: {named}."]
