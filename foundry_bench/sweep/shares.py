"""What each trial may use of a machine."""

import os
from dataclasses import dataclass
from typing import Literal

from foundry_bench.config.settings import ResourceSettings
from foundry_bench.errors import FoundryError


@dataclass(frozen=True)
class Shares:
    """Resolved resources of a sweep.

    Attributes:
        concurrent: trials that run at the same time, on all GPUs together.
        threads: CPU threads of each.
    """

    device: Literal["cpu", "cuda"]
    concurrent: int
    threads: int


def shares(resources: ResourceSettings, cores: int | None = None, gpus: int = 0) -> Shares:
    """Divide `cores` (default: those this process may use) and `gpus` among trials.

    Raises:
        FoundryError: if a GPU is asked for and there is none.
    """
    cores = usable_cores() if cores is None else cores
    if resources.device == "cuda" and not gpus:
        raise FoundryError(
            "resources.device: given 'cuda', but there is no CUDA device; set it to cpu or auto"
        )
    device: Literal["cpu", "cuda"] = "cuda" if gpus and resources.device != "cpu" else "cpu"
    if resources.concurrent != "auto":
        concurrent = resources.concurrent
    else:
        concurrent = gpus if device == "cuda" else cores
    threads = max(1, cores // concurrent) if resources.threads == "auto" else resources.threads
    return Shares(device, concurrent, threads)


def usable_cores() -> int:
    """CPU cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
