"""A piece: one smooth surface patch, and the sampler that evaluates many pieces at once.

Every primitive is a list of pieces, and every piece has the form

    point = origin + h * rise + w * (x * right + y * front)

where (x, y) runs along an arc (or, for a panel, along a straight line) and (h, w) along a
profile that depends on the kind. One form for all kinds means that a whole cloud is sampled by
a dozen NumPy calls, whatever it is made of.
Legend: K pieces, M points.
"""

import math
from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from foundry_bench.data.shapes.vectors import Vec

Floats = NDArray[np.float64]


class Kind(IntEnum):
    """What (h, w) and (x, y) are; t and s are in [0, 1] and uniform over the area."""

    PANEL = 0
    """Trapezoid: h = t, w from `start` to `end`, x in [-1/2, 1/2], y = 0."""
    RULED = 1
    """Side of a cone, cylinder or flat ring: h = t, w (radius) from `start` to `end`."""
    SPHERE = 2
    """Zone of a sphere: h from `start` to `end` within [-1, 1], w = sqrt(1 - h^2)."""
    TORUS = 3
    """Tube around a circle: h = sin(phi), w = `start` + `end` * cos(phi)."""


class Piece(NamedTuple):
    """One surface patch; `angle` and `sweep` (radians) bound the arc of (x, y)."""

    kind: Kind
    origin: Vec
    rise: Vec
    right: Vec
    front: Vec
    start: float
    end: float
    angle: float
    sweep: float
    area: float


def sample(pieces: Sequence[Piece], uniforms_3M: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """Maps uniform numbers in [0, 1) to points spread evenly over the area of the pieces.

    The first row of `uniforms_3M` chooses the piece, the others the place on it. The spread is
    exact for panels, circular sides, spheres and tori, and approximate where a piece is
    stretched unequally (ellipsoids, oval sides).

    Returns:
        Points (3, M) and the index of each one's piece (M,).
    """
    table_FK = np.array(
        [
            (p.kind, *p.origin, *p.rise, *p.right, *p.front, p.start, p.end, p.angle, p.sweep)
            for p in pieces
        ]
    ).T
    shares_K = np.cumsum([p.area for p in pieces])
    which_M = np.searchsorted(shares_K, uniforms_3M[0] * shares_K[-1], side="right")
    np.minimum(which_M, len(pieces) - 1, out=which_M)
    row_FM = np.take(table_FK, which_M, axis=1)
    kind_M = row_FM[0]

    height_M, width_M = _profile(kind_M, row_FM[13], row_FM[14], uniforms_3M[2])
    theta_M = row_FM[15] + row_FM[16] * uniforms_3M[1]
    is_panel_M = kind_M == Kind.PANEL
    x_M = width_M * np.where(is_panel_M, uniforms_3M[1] - 0.5, np.cos(theta_M))
    y_M = width_M * np.sin(theta_M)  # a panel's `front` is zero

    points_3M = row_FM[1:4] + height_M * row_FM[4:7]
    points_3M += x_M * row_FM[7:10]
    points_3M += y_M * row_FM[10:13]
    return points_3M, which_M


def _profile(
    kind_M: Floats, start_M: Floats, end_M: Floats, uniform_M: Floats
) -> tuple[Floats, Floats]:
    """(h, w) of each point, so that the density is uniform over the area."""
    sphere = np.flatnonzero(kind_M == Kind.SPHERE)
    # Inverse of the distribution whose density is linear in t: proportional to the width.
    root_M = np.sqrt(start_M**2 + uniform_M * (end_M**2 - start_M**2))
    divisor_M = start_M + root_M
    divisor_M[sphere] = 1.0  # overwritten below; a sphere's `start` is negative
    height_M = uniform_M * (start_M + end_M) / divisor_M
    width_M = start_M + (end_M - start_M) * height_M

    if sphere.size:
        low, high = start_M[sphere], end_M[sphere]
        z = low + (high - low) * uniform_M[sphere]  # Archimedes: area is uniform in height
        height_M[sphere] = z
        width_M[sphere] = np.sqrt(np.maximum(0.0, 1.0 - z * z))
    torus = np.flatnonzero(kind_M == Kind.TORUS)
    if torus.size:
        major, minor = start_M[torus], end_M[torus]
        phi = _torus_angle(minor / major, math.tau * uniform_M[torus])
        height_M[torus] = np.sin(phi)
        width_M[torus] = major + minor * np.cos(phi)
    return height_M, width_M


def _torus_angle(ratio: Floats, target: Floats) -> Floats:
    """Solves `phi + ratio * sin(phi) = target` (the area up to phi) by Newton steps."""
    phi = target - ratio * np.sin(target) / (1.0 + 0.5 * ratio)
    for _ in range(4):
        phi -= (phi + ratio * np.sin(phi) - target) / (1.0 + ratio * np.cos(phi))
    return phi
