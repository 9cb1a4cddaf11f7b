"""What happens to a clean shape: turn, shear, cut away, noise, outliers, normalisation.

Legend: M points sampled, P points kept.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Strength:
    """How strong each perturbation is; lengths are relative to the cloud's radius."""

    spread: float
    """Width of the proportions' ranges, in [0, 1]."""
    shear: float
    """Largest entry added to the identity in the shear and scale matrix."""
    noise: float
    """Largest standard deviation of the surface noise."""
    cut: float
    """Largest share of the surface that a cut removes."""
    outliers: float
    """Largest share of points that are displaced."""

    @staticmethod
    def of(difficulty: float) -> "Strength":
        """The strengths at a difficulty in [0, 1]; proportions vary early, the rest linearly."""
        return Strength(
            spread=math.sqrt(difficulty),
            shear=0.3 * difficulty,
            noise=0.05 * difficulty,
            cut=0.6 * difficulty,
            outliers=0.08 * difficulty,
        )


def deform(points_3M: Floats, rng: np.random.Generator, strength: Strength) -> Floats:
    """A random turn around the up axis after a random shear with unequal scales."""
    angle = math.tau * rng.random()
    cos, sin = math.cos(angle), math.sin(angle)
    turn = np.array([[cos, 0.0, sin], [0.0, 1.0, 0.0], [-sin, 0.0, cos]])
    shear = np.eye(3) + strength.shear * (2.0 * rng.random((3, 3)) - 1.0)
    deformed_3M: Floats = turn @ shear @ points_3M
    return deformed_3M


def cut(points_3M: Floats, num_points: int, rng: np.random.Generator) -> Indices:
    """Indices of the `num_points` points that survive a random cut, in their order.

    One of three cuts, equally likely: a half-space (what lies furthest along a direction goes),
    a hole (what lies nearest to a point of the surface goes), and a view (what lies behind
    other points, seen from a direction above the ground, goes first).
    """
    num_sampled = points_3M.shape[1]
    azimuth, height = math.tau * rng.random(), rng.random()
    kind, anchor = int(3.0 * rng.random()), int(num_sampled * rng.random())
    if num_sampled == num_points:
        return np.arange(num_points)
    level = math.sqrt(1.0 - height * height)
    toward = np.array([level * math.cos(azimuth), height, level * math.sin(azimuth)])
    cost_M: Floats
    if kind == 0:
        cost_M = toward @ points_3M
    elif kind == 1:
        offset_3M = points_3M - points_3M[:, anchor : anchor + 1]
        cost_M = -np.einsum("ij,ij->j", offset_3M, offset_3M)
    else:
        cost_M = _hidden_depth(points_3M, toward, num_points)
    return np.sort(np.argpartition(cost_M, num_points - 1)[:num_points])


def _hidden_depth(points_3M: Floats, toward_3: Floats, num_points: int) -> Floats:
    """How far each point lies behind the nearest one in its cell of a square image grid.

    The cells hold about four points if the points filled the image. A small share of the plain
    depth is added so that no two costs are equal.
    """
    x, y, z = toward_3
    level = math.hypot(x, z) or 1.0
    across_3 = np.array([z / level, 0.0, -x / level])
    upward_3 = np.array([-y * x / level, level, -y * z / level])
    depth_M = -(toward_3 @ points_3M)
    image_2M = np.stack((across_3 @ points_3M, upward_3 @ points_3M))
    low_2 = image_2M.min(axis=1, keepdims=True)
    extent = float((image_2M.max(axis=1, keepdims=True) - low_2).max())
    num_cells = max(2, round(math.sqrt(num_points / 4.0)))
    cell_2M = ((image_2M - low_2) * (num_cells / (extent * 1.001))).astype(np.intp)
    cell_M = cell_2M[0] * num_cells + cell_2M[1]
    nearest = np.full(num_cells * num_cells, np.inf)
    np.minimum.at(nearest, cell_M, depth_M)
    hidden_M: Floats = depth_M - nearest[cell_M] + 0.01 * depth_M
    return hidden_M


def roughen(points_3P: Floats, rng: np.random.Generator, strength: Strength) -> Floats:
    """Surface noise of a random amount on all points, and a larger displacement of a few.

    Expects a cloud in the unit sphere. An outlier is moved by up to 0.5 per axis.
    """
    num_points = points_3P.shape[1]
    amounts = rng.random(2)
    noisy_3P: Floats = points_3P + strength.noise * amounts[0] * rng.standard_normal(
        (3, num_points)
    )
    num_outliers = int(num_points * strength.outliers * amounts[1])
    # The points are in random order already, so the first ones are a random subset.
    noisy_3P[:, :num_outliers] += rng.random((3, num_outliers)) - 0.5
    return noisy_3P


def normalise(points_3P: Floats) -> Floats:
    """Centred on the mean, the farthest point at distance 1."""
    centred_3P: Floats = points_3P - points_3P.mean(axis=1, keepdims=True)
    radius = math.sqrt(np.einsum("ij,ij->j", centred_3P, centred_3P).max())
    normalised_3P: Floats = centred_3P / radius
    return normalised_3P
