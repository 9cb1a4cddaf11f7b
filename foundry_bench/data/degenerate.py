"""Clouds whose points coincide once they are scaled to the unit sphere.

Legend: B clouds, P points a cloud.
"""

import numpy as np
from numpy.typing import NDArray

SUSPICIOUS = 1e-5
"""Median distance to the median point, of the radius, below which points are counted."""


def collapsed(
    points_BP3: NDArray[np.float64], scaled_BP3: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """Clouds that scaling made useless: not finite, or of less than half as many distinct points.

    A huge value for "no data" does that: beside it, all other points are one.
    """
    broken_B = ~np.isfinite(scaled_BP3).all(axis=(1, 2))
    middle_B13 = np.median(scaled_BP3, axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        spread_B = np.median(np.abs(scaled_BP3 - middle_B13).max(axis=-1), axis=1)
    for row in np.flatnonzero(~broken_B & (spread_B < SUSPICIOUS)):
        # Repeated points of the file itself are no loss.
        before, after = (len(np.unique(it[row], axis=0)) for it in (points_BP3, scaled_BP3))
        broken_B[row] = 2 * after < before
    return broken_B
