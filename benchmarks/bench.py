"""What the benchmarks share: timing in turns, a device's peak, its memory, results as JSON."""

import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import torch

from foundry_bench.provenance import commit, device, packages

Clock = Literal["wall", "cpu"]
PEAK_SIZE = {"cpu": 2048, "cuda": 8192}
PEAK_ROUNDS = 5


@dataclass(frozen=True)
class Timing:
    """Seconds of a call: median, quartiles, and how many calls."""

    median_s: float
    quartiles_s: tuple[float, float]
    n: int

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Timing":
        """The summary of at least one call."""
        low, _, high = statistics.quantiles(seconds, n=4) if len(seconds) > 1 else [seconds[0]] * 3
        return cls(statistics.median(seconds), (low, high), len(seconds))


def seconds_of(work: Callable[[], object], clock: Clock, on: torch.device) -> float:
    """Of one call; on a GPU until it has done what it was given."""
    read = time.perf_counter if clock == "wall" else time.process_time
    _wait(on)
    start = read()
    work()
    _wait(on)
    return read() - start


def in_turns(
    works: Mapping[str, Callable[[], object]],
    rounds: int,
    clock: Clock,
    on: torch.device,
    warm_up: int = 1,
) -> dict[str, Timing]:
    """`rounds` calls of each of `works`, one after the other in turns (A, B, A, B, …), so that a
    disturbance meets all of them; `warm_up` rounds before are not counted.
    """
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for number in range(warm_up + rounds):
        for name, work in works.items():
            took_s = seconds_of(work, clock, on)
            if number >= warm_up:
                seconds[name].append(took_s)
    return {name: Timing.of(found) for name, found in seconds.items()}


@cache
def peak_flops(kind: str, precision: str, clock: Clock) -> float:
    """FLOPs a second of a large product of matrices on this device, the best of a few."""
    on, size = torch.device(kind), PEAK_SIZE[kind]
    # random numbers: with equal ones a GPU draws less power and runs faster than it ever does
    matrix = torch.randn(size, size, device=on).to(getattr(torch, precision))
    best_s = min(seconds_of(lambda: matrix @ matrix, clock, on) for _ in range(PEAK_ROUNDS))
    return 2.0 * size**3 / best_s


def reset_peak_memory(on: torch.device) -> None:
    """Measure `peak_memory_mib` from here on."""
    if on.type == "cuda":
        torch.cuda.reset_peak_memory_stats(on)
        return
    marks = Path("/proc/self/clear_refs")
    if marks.exists():
        marks.write_text("5")  # sets the high-water mark of resident memory to what there is


def peak_memory_mib(on: torch.device) -> float | None:
    """Most memory in use since `reset_peak_memory`: of tensors on a GPU, of the whole process on a
    CPU; None where the system does not say.
    """
    if on.type == "cuda":
        return torch.cuda.max_memory_allocated(on) / 2**20
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    marks = [line.split() for line in lines if line.startswith("VmHWM:")]
    return int(marks[0][1]) / 1024 if marks else None


def write(path: Path | None, benchmark: str, results: object, clock: Clock) -> None:
    """Results with what they were measured on, if `path` is given."""
    if path is None:
        return
    document: dict[str, Any] = {
        "schema_version": 1,
        "benchmark": benchmark,
        "clock": clock,
        "device": device(),
        "packages": packages(),
        "commit": commit(),
        "load": _load(),
        "results": results,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n")


def _load() -> float | None:
    """Processes that wanted a core in the last minute: more than cores means a busy machine."""
    try:
        return float(Path("/proc/loadavg").read_text().split()[0])
    except OSError:
        return None


def _wait(on: torch.device) -> None:
    if on.type == "cuda":
        torch.cuda.synchronize(on)
