"""One cloud on its way from a file into a dataset.

Legend: M points in the file, P points that are taken.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foundry_bench.data.dataset import Rows
from foundry_bench.data.degenerate import collapsed
from foundry_bench.errors import FoundryError


@dataclass(frozen=True)
class Cloud:
    """One cloud as its file has it.

    Attributes:
        where: file and row, for messages.
        points_M3: of any number type.
        parts_M: part of each point, where there are parts.
    """

    where: str
    points_M3: NDArray[Any]
    parts_M: NDArray[np.int16] | None = None

    def check(self) -> None:
        """Do nothing if it is a cloud.

        Raises:
            FoundryError: for another shape or type, no points, NaN, infinity.
        """
        given = self.points_M3
        if given.ndim != 2 or given.shape[1] != 3 or given.dtype.kind not in "fiu":
            swapped = "; the axes are swapped" if given.ndim == 2 and given.shape[0] == 3 else ""
            raise FoundryError(
                f"{self.where} is {given.shape} of {given.dtype}; expected numbers (points, 3)"
                f"{swapped}"
            )
        if not len(given):
            raise FoundryError(f"{self.where} is an empty cloud")
        broken = np.flatnonzero(~np.isfinite(given).all(axis=1))
        if len(broken):
            raise FoundryError(f"{self.where} has NaN or infinity (point {broken[0]})")

    def normalised(self, order: Rows) -> NDArray[np.float32]:
        """points_P3: the points `order`, centred on their mean, the farthest at distance 1.

        Raises:
            FoundryError: if they are all the same, or become so beside a huge value.
        """
        points_P3 = self.points_M3[order].astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            centred_P3 = points_P3 - points_P3.mean(axis=0)
            radius = np.linalg.norm(centred_P3, axis=-1).max()
            if radius == 0:
                raise FoundryError(f"{self.where} is a single point")
            scaled_P3: NDArray[np.float32] = (centred_P3 / radius).astype(np.float32)
        if collapsed(points_P3[None], scaled_P3[None])[0]:
            raise FoundryError(
                f"{self.where} has values so large (for 'no data'?) that its other points coincide"
            )
        return scaled_P3
