"""A worker's look at its GPU: how much of it a group uses, and whether it is free yet."""

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import mean

from foundry_bench.sweep.packing import Usage

SAMPLE_EVERY_S = 1.0
WAIT_S = 120.0
"""How long a group waits for the memory of those before it."""
TOLERANCE = 0.05
"""Part of its share of a GPU's memory that a group begins without."""


def grow_segments() -> None:
    """Have torch's allocator on a GPU, which nothing uses yet, grow the pieces that it has instead
    of adding others: less of the memory lies idle between them. A user's own settings stay.
    """
    if "PYTORCH_ALLOC_CONF" not in os.environ:  # the newer name, which torch 2.7 does not know
        os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")


class Meter:
    """Measures what this process uses of its GPU.

    Attributes:
        usage: None if it used none.
    """

    def __init__(self) -> None:
        self.usage: Usage | None = None


@contextmanager
def measuring() -> Iterator[Meter]:
    """Measure while the block lasts; this process must have the GPU to itself."""
    import torch

    meter, samples, is_over = Meter(), list[float](), threading.Event()

    def sample() -> None:
        while not is_over.wait(SAMPLE_EVERY_S):
            found = utilisation()
            samples.extend([] if found is None else [found])

    watcher = threading.Thread(target=sample, daemon=True)
    watcher.start()
    try:
        yield meter
    finally:
        is_over.set()
        watcher.join()
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        free, total = torch.cuda.mem_get_info()
        beside = total - free - torch.cuda.memory_reserved()
        peak = torch.cuda.max_memory_reserved() + beside
        meter.usage = Usage(peak / 2**20, total / 2**20, mean(samples) if samples else None)


def utilisation() -> float | None:
    """Part of the last moments in which a kernel ran on this process's first GPU, from 0 to 1; None
    where `nvidia-smi` does not say.
    """
    device = os.environ.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0]
    query = ["nvidia-smi", "-i", device, "--query-gpu=utilization.gpu"]
    if not device or shutil.which(query[0]) is None:
        return None
    try:
        done = subprocess.run(
            [*query, "--format=csv,noheader,nounits"],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=10,
        )
        return float(done.stdout) / 100
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def await_memory(
    share: float,
    memory: Callable[[], tuple[int, int]] | None = None,
    limit_s: float = WAIT_S,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Wait until a `share` of the GPU's memory is free; whether it is.

    Args:
        share: of the GPU's memory.
        memory: free and all bytes; torch says it by default.
        limit_s: after so long the group begins all the same: other programs may hold the rest.
        sleep: waits so many seconds.
    """
    if memory is None:
        import torch

        memory = torch.cuda.mem_get_info
    waited, pause = 0.0, 0.1
    while True:
        free, total = memory()
        if free >= share * total * (1 - TOLERANCE):
            return True
        if waited >= limit_s:
            return False
        sleep(pause)
        waited += pause
        pause = min(2 * pause, 2.0)
