"""How many groups share a GPU, by what one of them used of it."""

import math
from dataclasses import dataclass

from foundry_bench.sweep.slots import MAX_PER_GPU

SPARE = 0.1
"""Part of a GPU's memory that is left alone: other trials are not exactly like the one measured."""
FULL = 0.95
"""Utilisation of a GPU that has nothing to give to another group."""


@dataclass(frozen=True)
class Usage:
    """What a group used of a GPU that it had to itself.

    Attributes:
        peak_mib: most memory at a time, with that of the CUDA context.
        total_mib: memory of the GPU.
        utilisation: part of the time in which a kernel ran, from 0 to 1; None: not known.
    """

    peak_mib: float
    total_mib: float
    utilisation: float | None = None


def groups_per_gpu(usage: Usage, most: int = MAX_PER_GPU) -> int:
    """As many groups as memory holds, and as it takes to keep the GPU busy; at least one.

    Kernels of several processes take turns, so more groups than keep it busy would only wait. Where
    the utilisation is not known, memory decides.
    """
    by_memory = math.floor(usage.total_mib * (1 - SPARE) / max(usage.peak_mib, 1.0))
    by_time = most
    if usage.utilisation is not None:
        by_time = math.ceil(FULL / max(usage.utilisation, FULL / most))
    return max(1, min(by_memory, by_time, most))
