"""Clouds whose points coincide once they are scaled to the unit sphere.

Legend: B clouds, P points a cloud.
"""

import numpy as np
from numpy.typing import NDArray

SUSPICIOUS = 1e-5
"""Share of the radius. Points are counted if half of them lie nearer to the median point."""
STEP = 2.0**-24
"""The step of float32 just below 1: finer differences between points survive near 0 alone."""


def collapsed(
    points_BP3: NDArray[np.float64], scaled_BP3: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """Clouds that scaling made useless: not finite, or with less than half of the distinct points.

    The cause is a huge value for "no data", beside which all other points are one.

    Args:
        points_BP3: the points in their file.
        scaled_BP3: the same points, centred and scaled to the unit sphere.
    """
    broken_B: NDArray[np.bool_] = np.asarray(~np.isfinite(scaled_BP3).all(axis=(1, 2)))
    middle_B13 = np.median(scaled_BP3, axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        spread_B = np.median(np.abs(scaled_BP3 - middle_B13).max(axis=-1), axis=1)
    for row in np.flatnonzero(~broken_B & (spread_B < SUSPICIOUS)):
        # Points that the file itself repeats (padding) are no loss.
        before = len(np.unique(points_BP3[row], axis=0))
        after = len(np.unique(np.round(scaled_BP3[row] / STEP), axis=0))
        broken_B[row] = 2 * after < before
    return broken_B
