"""How time is taken: on the CPU by its clock, on a GPU by events in its stream."""

import time
from collections.abc import Callable
from typing import Any

import torch
from torch.utils.benchmark import Timer

Call = Callable[[], object]


class Clock:
    """Milliseconds between marks, and of calls: on the CPU, with so many threads."""

    def __init__(self, threads: int) -> None:
        self._threads = threads

    def mark(self) -> Any:
        """Now, where the work is done."""
        return time.perf_counter()

    def between_ms(self, start: Any, end: Any) -> float:
        """The time from one mark to a later one; waits until the work between them is done."""
        return float(end - start) * 1e3

    def call_ms(self, call: Call, number: int) -> float:
        """The mean time of `number` calls in a row, by `torch.utils.benchmark`. Two calls or more
        come first and are not counted: they bring code and weights back into the caches that others
        have used in between.
        """
        timer = Timer("call()", globals={"call": call}, num_threads=self._threads)
        return timer.timeit(number).mean * 1e3


class CudaClock(Clock):
    """CUDA events: what the GPU takes, gaps where it waits for the CPU included."""

    WARM_UP = 2

    def mark(self) -> Any:
        """See `Clock`."""
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def between_ms(self, start: Any, end: Any) -> float:
        """See `Clock`."""
        end.synchronize()
        return float(start.elapsed_time(end))

    def call_ms(self, call: Call, number: int) -> float:
        """See `Clock`."""
        for _ in range(self.WARM_UP):
            call()
        torch.cuda.synchronize()
        start = self.mark()
        for _ in range(number):
            call()
        return self.between_ms(start, self.mark()) / number


def clock_of(device: torch.device, threads: int) -> Clock:
    """The clock for work on `device`."""
    return (CudaClock if device.type == "cuda" else Clock)(threads)
