"""Which clouds a published set has, known before they are read."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foundry_bench.data.cloud import Cloud
from foundry_bench.data.dataset import Fold, Rows


@dataclass(frozen=True)
class Listing:
    """What a published set holds: its train clouds, then its test clouds.

    Attributes:
        read: the clouds of some rows, which ascend.
        class_names: those of `labels_N`.
        names: the file of each cloud, where clouds have files of their own.
    """

    labels_N: NDArray[np.int64]
    num_train: int
    class_names: tuple[str, ...]
    read: Callable[[Rows], Iterator[Cloud]]
    names: Sequence[str] = ()
    folds: tuple[Fold, ...] = ()

    @property
    def splits(self) -> dict[str, Rows]:
        """Rows of `train` and of `test`."""
        rows = np.arange(len(self.labels_N))
        return {"train": rows[: self.num_train], "test": rows[self.num_train :]}
