"""What each trial may use of a machine, or of a cluster of them."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from foundry_bench.config.settings import ResourceSettings
from foundry_bench.errors import FoundryError
from foundry_bench.sweep.slots import MAX_PER_GPU, Slots


@dataclass(frozen=True)
class Shares:
    """Resolved resources of a sweep.

    Attributes:
        concurrent: trials that run at the same time, on all GPUs together; at most, where it is
            measured how many share one.
        threads: CPU threads of each.
        per_gpu: as in `Slots`.
    """

    device: Literal["cpu", "cuda"]
    concurrent: int
    threads: int
    per_gpu: int | Literal["auto"] | None = None


@dataclass(frozen=True)
class Machine:
    """What a machine of a cluster offers."""

    cpus: int
    gpus: int


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
    per_gpu = resources.gpu if device == "cuda" else None
    room = cores
    if device == "cuda":
        room = gpus * (MAX_PER_GPU if per_gpu == "auto" else per_gpu or 1)
    concurrent = room
    if resources.concurrent != "auto":
        concurrent = resources.concurrent if per_gpu is None else min(resources.concurrent, room)
    threads = max(1, cores // concurrent) if resources.threads == "auto" else resources.threads
    return Shares(device, concurrent, threads, per_gpu)


def slots_here(share: Shares, gpus: int) -> Slots:
    """The slots of this machine, where Ray is the sweep's own and counts slots as CPUs."""
    return Slots(share.concurrent, gpus if share.device == "cuda" else 0, share.per_gpu)


def slots_of(share: Shares, machines: Sequence[Machine], *, is_limited: bool) -> Slots:
    """The slots of a cluster: as many as its machines hold, not more than `share.concurrent` if
    that `is_limited` by the user.

    Raises:
        FoundryError: if a trial's threads fit on none of them.
    """
    if share.device == "cuda":
        gpus = sum(machine.gpus for machine in machines)
        return Slots(share.concurrent, gpus, share.per_gpu, cpus=0)
    largest = max(machine.cpus for machine in machines)
    if share.threads > largest:
        raise FoundryError(
            f"resources.threads: a trial of {share.threads} threads fits on no machine of the "
            f"cluster, the largest has {largest} CPUs; set threads, or more concurrent trials"
        )
    room = sum(machine.cpus // share.threads for machine in machines)
    count = min(room, share.concurrent) if is_limited else room
    return Slots(count, cpus=share.threads, per_machine=largest // share.threads)


def usable_cores() -> int:
    """CPU cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
