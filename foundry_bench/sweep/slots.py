"""How many groups run at the same time, and what each may hold of the machine."""

from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True)
class Slots:
    """Where groups run.

    Attributes:
        count: groups at the same time.
        gpus: GPUs that they share; 0 on CPU.
    """

    count: int
    gpus: int = 0

    @property
    def share(self) -> dict[str, float]:
        """What a group holds, in Ray's words: one of `count` CPU slots, and 1/n of a GPU."""
        share = {"cpu": 1.0}
        if self.gpus:
            share["gpu"] = 10_000 // ceil(self.count / self.gpus) / 10_000
        return share
