"""Clouds whose points coincide once they are scaled to the unit sphere.

Legend: B clouds, P points a cloud.
"""

import numpy as np
from numpy.typing import NDArray

SUSPICIOUS = 1e-5
"""Median distance to the median point, of the radius, below which points are counted."""
STEP = 2.0**-24
"""Of float32 just below 1: finer differences are lost as soon as a point is not near 0."""


def collapsed(
    points_BP3: NDArray[np.float64], scaled_BP3: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """Clouds that scaling made useless: not finite, or of less than half as many distinct points.

    A huge value for "no data" does that: beside it, all other points are one.
    """
    broken_B: NDArray[np.bool_] = np.asarray(~np.isfinite(scaled_BP3).all(axis=(1, 2)))
    middle_B13 = np.median(scaled_BP3, axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        spread_B = np.median(np.abs(scaled_BP3 - middle_B13).max(axis=-1), axis=1)
    for row in np.flatnonzero(~broken_B & (spread_B < SUSPICIOUS)):
        # Compared with the file's own count, since repeated points (padding) are no loss.
        before = len(np.unique(points_BP3[row], axis=0))
        after = len(np.unique(np.round(scaled_BP3[row] / STEP), axis=0))
        broken_B[row] = 2 * after < before
    return broken_B
