"""Clouds to time passes with. N points, B clouds."""

import torch
from torch import Tensor

from foundry_bench.data.shapes.generate import generate

SEED = 2**31
"""Of clouds that no dataset has by default."""


def procedural_clouds(num_clouds: int, num_points: int) -> Tensor:
    """points_BN3 of procedural shapes, always the same."""
    made = generate(range(num_clouds), seed=SEED, stream="test", num_points=num_points)
    return torch.from_numpy(made.points_NP3)
