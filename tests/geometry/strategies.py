"""Clouds for property tests: ordinary ones, and ones made of ties."""

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor


@st.composite
def clouds(draw: st.DrawFn, most_clouds: int = 4, most_points: int = 40) -> Tensor:
    """points_BN3: normal, on a coarse grid (ties, duplicates), or far from the origin."""
    shape = (draw(st.integers(1, most_clouds)), draw(st.integers(1, most_points)), 3)
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.sampled_from(["normal", "grid", "far"]))
    if kind == "grid":
        return torch.from_numpy(random.integers(-2, 3, size=shape).astype(np.float32))
    points = random.normal(size=shape) + (1000 if kind == "far" else 0)
    return torch.from_numpy(points.astype(np.float32))
