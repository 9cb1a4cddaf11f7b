"""Random views of clouds as one matrix each: rotation about the up axis, and scale."""

import math

import torch
from torch import Tensor

from foundry_bench.config.settings import ViewSettings


def random_views(num: int, settings: ViewSettings, generator: torch.Generator) -> Tensor:
    """matrix_B33 of `num` random views x -> matrix · x, float32, on the generator's device.

    Rotation about y by a uniform angle (`rotate: up`), after a uniform scale from `scale`: one for
    all axes, which makes the view a similarity, or one an axis (`scale_per_axis`). The random
    numbers used up do not depend on which of the two are on.
    """
    angle_B = torch.rand(num, generator=generator, device=generator.device) * math.tau
    share_B3 = torch.rand(num, 3, generator=generator, device=generator.device)
    if settings.rotate == "none":
        angle_B = torch.zeros_like(angle_B)
    if not settings.scale_per_axis:
        share_B3 = share_B3[:, :1].expand(-1, 3)
    low, high = settings.scale
    return rotation_about_y(angle_B) * (low + (high - low) * share_B3)[:, None, :]


def rotation_about_y(angle_B: Tensor) -> Tensor:
    """matrix_B33 of right-handed rotations by `angle_B` radians."""
    cos, sin = angle_B.cos(), angle_B.sin()
    zero, one = torch.zeros_like(cos), torch.ones_like(cos)
    rows = [cos, zero, sin, zero, one, zero, -sin, zero, cos]
    return torch.stack(rows, dim=-1).view(-1, 3, 3)
