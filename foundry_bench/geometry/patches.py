"""Patches: k points around each of c centres, the input of every backbone.

Legend: B clouds, N points, C patches, K points a patch.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from foundry_bench.errors import FoundryError
from foundry_bench.geometry.fps import farthest_points
from foundry_bench.geometry.knn import nearest


@dataclass(frozen=True)
class PatchSpec:
    """How a cloud is cut into patches.

    Attributes:
        points: points of a cloud that are used.
        patches: patches per cloud, one token each.
        patch_size: points per patch.
    """

    points: int = 512
    patches: int = 32
    patch_size: int = 16

    def __post_init__(self) -> None:
        """Refuse what no cloud of `points` points can give."""
        for name, value in (("patches", self.patches), ("patch_size", self.patch_size)):
            if not 1 <= value <= self.points:
                raise FoundryError(f"{name} must be 1 to points ({self.points}), not {value}")


@dataclass(frozen=True, eq=False)
class Patches:
    """Float32 patches of B clouds.

    Attributes:
        neighbors_BCK3: points of each patch relative to its centre, nearest first.
        centers_BC3: the centres.
    """

    neighbors_BCK3: Tensor
    centers_BC3: Tensor

    def __len__(self) -> int:
        """The number of clouds."""
        return len(self.centers_BC3)

    def to(self, device: torch.device | str) -> "Patches":
        """The same patches on another device."""
        return Patches(self.neighbors_BCK3.to(device), self.centers_BC3.to(device))

    def select(self, index: Tensor | slice) -> "Patches":
        """The clouds at `index`."""
        return Patches(self.neighbors_BCK3[index], self.centers_BC3[index])

    def transformed(self, matrix_B33: Tensor, shift_B3: Tensor | None = None) -> "Patches":
        """The patches of the clouds after x -> matrix · x + shift, computed in float32 also under
        autocast.

        Equal to grouping the transformed clouds (up to rounding) if the matrices are similarities,
        which change nobody's neighbours; this is not checked.
        """
        right_B33 = matrix_B33.to(self.centers_BC3).transpose(1, 2)
        with torch.autocast(self.centers_BC3.device.type, enabled=False):
            neighbors_BM3 = self.neighbors_BCK3.flatten(1, 2) @ right_B33
            centers_BC3 = self.centers_BC3 @ right_B33
            if shift_B3 is not None:
                centers_BC3 = centers_BC3 + shift_B3[:, None].to(centers_BC3)
        return Patches(neighbors_BM3.view_as(self.neighbors_BCK3), centers_BC3)


def group(points_BN3: Tensor, spec: PatchSpec) -> Patches:
    """Cut each cloud into patches: FPS centres from point 0 on, and the nearest points of each.

    Deterministic, and float32 also under autocast. Of a cloud with more than `spec.points` points
    the first ones are used, so the caller decides what a subsample is.

    Raises:
        FoundryError: if the clouds have fewer than `spec.points` points.
    """
    num_points = points_BN3.shape[1]
    if num_points < spec.points:
        raise FoundryError(
            f"patches need clouds of {spec.points} points, these have {num_points}: "
            "take data with more points, or a teacher with fewer"
        )
    points_BN3 = points_BN3[:, : spec.points].detach().float()
    centers_BC3 = _take(points_BN3, farthest_points(points_BN3, spec.patches))
    index_BCK = nearest(centers_BC3, points_BN3, spec.patch_size)
    neighbors_BM3 = _take(points_BN3, index_BCK.flatten(1))
    neighbors_BCK3 = neighbors_BM3.view(*index_BCK.shape, 3) - centers_BC3[:, :, None]
    return Patches(neighbors_BCK3, centers_BC3)


def _take(points_BN3: Tensor, index_BM: Tensor) -> Tensor:
    return points_BN3.gather(1, index_BM[..., None].expand(-1, -1, 3))
