"""Random views of clouds as one affine map each: rotation about the up axis, scale, translation.

B clouds, N points.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from foundry_bench.config.settings import ViewSettings


@dataclass(frozen=True)
class Affine:
    """x -> matrix · x + shift, one map a cloud, in float32.

    Attributes:
        shift_B3: None where nothing is moved.
    """

    matrix_B33: Tensor
    shift_B3: Tensor | None = None

    def __call__(self, points_BN3: Tensor) -> Tensor:
        """The points of B clouds, each under its map."""
        moved_BN3 = points_BN3 @ self.matrix_B33.transpose(1, 2).to(points_BN3)
        return (
            moved_BN3
            if self.shift_B3 is None
            else moved_BN3 + self.shift_B3[:, None].to(points_BN3)
        )

    def normalized(self, points_BN3: Tensor) -> "Affine":
        """The same, and then the mean of `points_BN3` to the origin, their farthest to radius 1."""
        moved_BN3 = self(points_BN3)
        centre_B3 = moved_BN3.mean(1)
        radius_B = (moved_BN3 - centre_B3[:, None]).norm(dim=-1).amax(1)
        shift_B3 = -centre_B3 if self.shift_B3 is None else self.shift_B3.to(centre_B3) - centre_B3
        return Affine(
            self.matrix_B33.to(radius_B) / radius_B[:, None, None], shift_B3 / radius_B[:, None]
        )


def random_affine(num: int, settings: ViewSettings, generator: torch.Generator) -> Affine:
    """The maps of `num` random views, before `normalize`, on the generator's device.

    Rotation about y by a uniform angle (`rotate: up`), after a uniform scale from `scale`: one for
    all axes, which makes the view a similarity, or one an axis (`scale_per_axis`); then `shift`.
    The random numbers used up do not depend on rotation and scale.
    """
    angle_B = torch.rand(num, generator=generator, device=generator.device) * math.tau
    share_B3 = torch.rand(num, 3, generator=generator, device=generator.device)
    if settings.rotate == "none":
        angle_B = torch.zeros_like(angle_B)
    if not settings.scale_per_axis:
        share_B3 = share_B3[:, :1].expand(-1, 3)
    low, high = settings.scale
    matrix_B33 = rotation_about_y(angle_B) * (low + (high - low) * share_B3)[:, None, :]
    if settings.shift == 0:
        return Affine(matrix_B33)
    share_B3 = torch.rand(num, 3, generator=generator, device=generator.device)
    return Affine(matrix_B33, settings.shift * (2 * share_B3 - 1))


def rotation_about_y(angle_B: Tensor) -> Tensor:
    """matrix_B33 of right-handed rotations by `angle_B` radians."""
    cos, sin = angle_B.cos(), angle_B.sin()
    zero, one = torch.zeros_like(cos), torch.ones_like(cos)
    rows = [cos, zero, sin, zero, one, zero, -sin, zero, cos]
    return torch.stack(rows, dim=-1).view(-1, 3, 3)
