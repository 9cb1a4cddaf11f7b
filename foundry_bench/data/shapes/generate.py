"""From an index to a cloud: recipe, sampling, perturbation.

Legend: N clouds, P points a cloud, M points sampled before the cut.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foundry_bench.data.shapes.catalogue import CLASSES, PART_INDEX, RECIPES
from foundry_bench.data.shapes.perturb import Floats, Strength, cut, deform, normalise, roughen
from foundry_bench.data.shapes.pieces import Piece, sample
from foundry_bench.data.shapes.recipe import Dice

GENERATOR_VERSION = 1
"""Raised whenever the same arguments give other clouds; it enters fingerprints."""

STREAMS: tuple[str, ...] = ("train", "test", "unlabelled")


@dataclass(frozen=True)
class Clouds:
    """Labelled point clouds.

    Attributes:
        points_NP3: float32, centred on the mean, farthest point at distance 1, y up.
        labels_N: int64, index into `CLASSES`.
        parts_NP: uint8, index into `PARTS`; an outlier keeps the part it was displaced from.
    """

    points_NP3: NDArray[np.float32]
    labels_N: NDArray[np.int64]
    parts_NP: NDArray[np.uint8]


def generate(
    indices: Sequence[int] | NDArray[np.integer],
    *,
    seed: int,
    stream: str,
    num_points: int = 1024,
    difficulty: float = 0.5,
) -> Clouds:
    """Builds the clouds of the given indices.

    A cloud depends on (seed, stream, index, num_points, difficulty) and on nothing else: not on
    the other indices nor on their order. Its class is the index modulo the number of classes,
    so that any run of consecutive indices is balanced.

    Args:
        indices: which clouds, each in [0, 2^32); repeats are allowed.
        seed: in [0, 2^32).
        stream: "train", "test" or "unlabelled"; their random numbers are disjoint.
        num_points: points a cloud, at least 16.
        difficulty: in [0, 1]; scales proportions, shear, noise, cut-away and outliers.
    """
    index_N = np.asarray(indices, np.int64)
    strength = Strength.of(difficulty)
    num_clouds = len(index_N)
    points_NP3 = np.empty((num_clouds, num_points, 3), np.float32)
    parts_NP = np.empty((num_clouds, num_points), np.uint8)
    for row, index in enumerate(index_N.tolist()):
        entropy = np.random.SeedSequence([seed, STREAMS.index(stream), index])
        rng = np.random.Generator(np.random.PCG64(entropy))
        points_3P, parts_NP[row] = _cloud(index % len(CLASSES), rng, num_points, strength)
        points_NP3[row] = points_3P.T
    return Clouds(points_NP3, index_N % len(CLASSES), parts_NP)


def _cloud(
    label: int, rng: np.random.Generator, num_points: int, strength: Strength
) -> tuple[Floats, NDArray[np.uint8]]:
    """One cloud of class `label`: points (3, P) and parts (P,)."""
    recipe = RECIPES[label]
    pieces: list[Piece] = []
    part_of_piece: list[int] = []
    for part, members in recipe.build(Dice(rng, strength.spread)).items():
        pieces += members
        part_of_piece += [PART_INDEX[f"{recipe.name}/{part}"]] * len(members)
    num_sampled = math.ceil(num_points / (1.0 - strength.cut * rng.random()))
    points_3M, piece_M = sample(pieces, rng.random((3, num_sampled)))
    points_3M = deform(points_3M, rng, strength)
    kept_P = cut(points_3M, num_points, rng)
    points_3P = normalise(roughen(normalise(points_3M[:, kept_P]), rng, strength))
    return points_3P, np.array(part_of_piece, np.uint8)[piece_M[kept_P]]
