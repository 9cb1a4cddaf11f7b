"""How many groups run at the same time, and what each may hold of the machines."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil
from typing import Literal

MAX_PER_GPU = 8
"""Groups that share a GPU, at most, where it is measured: each costs a context and CPU cores."""


@dataclass(frozen=True)
class Hold:
    """What a group holds while it runs.

    Attributes:
        share: of a GPU, or on CPU of a machine's slots.
        resources: the same in Ray's words.
    """

    share: float
    resources: Mapping[str, float]


@dataclass(frozen=True)
class Slots:
    """Where groups run.

    Attributes:
        count: groups at the same time, at most.
        gpus: GPUs that they share; 0 on CPU.
        per_gpu: groups that share a GPU; None: as `count` says; auto: not known before the first
            group has ended, and until then each has a GPU to itself.
        cpus: CPUs, as Ray counts them, that a group holds.
        per_machine: groups at the same time on one machine, on CPU; None: `count`.
    """

    count: int
    gpus: int = 0
    per_gpu: int | Literal["auto"] | None = None
    cpus: int = 1
    per_machine: int | None = None

    @property
    def is_unpacked(self) -> bool:
        """Whether it is not known yet how many groups share a GPU."""
        return bool(self.gpus) and self.per_gpu == "auto"

    @property
    def now(self) -> int:
        """Groups at the same time, as far as is known now."""
        return min(self.count, self.gpus * self._per_gpu) if self.gpus else self.count

    def packed(self, per_gpu: int) -> "Slots":
        """The slots with what was measured."""
        return replace(self, per_gpu=per_gpu)

    def hold(self, times: Literal[1, 2] = 1) -> Hold:
        """What a group holds; twice of it, at least and as far as there is as much, the second
        time.

        A share of a GPU is always one nth: the double of a third is the whole.
        """
        if self.gpus:
            parts = max(1, self._per_gpu // times)
            return Hold(1 / parts, self._cpu(1) | {"GPU": 10_000 // parts / 10_000})
        per_machine = self.per_machine or self.count
        slots = min(times, per_machine)
        return Hold(slots / per_machine, self._cpu(slots))

    @property
    def _per_gpu(self) -> int:
        if self.per_gpu == "auto":
            return 1
        return self.per_gpu or ceil(self.count / self.gpus)

    def _cpu(self, slots: int) -> dict[str, float]:
        return {"CPU": float(slots * self.cpus)} if self.cpus else {}
