"""Farthest point sampling (FPS): one interface, three implementations with the same picks.

Legend: B clouds, N points, C picks.
"""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import torch
from torch import Tensor

from foundry_bench.errors import FoundryError

CHUNK_POINTS = 65_536
"""Points that the torch loop works on at a time on a CPU, so that they stay in its cache."""
MOST_TRITON_POINTS = 8192
"""Largest cloud of the Triton kernel: one program holds a whole cloud in registers."""


def farthest_points(points_BN3: Tensor, num: int) -> Tensor:
    """Pick `num` points of each cloud: the first, then each the farthest from those before it.

    Deterministic: squared distances in float32, summed in the order x, y, z; ties go to the lowest
    index. All implementations obey this and agree exactly: Triton on CUDA, fpsample on CPU (each
    where installed), and otherwise `farthest_points_torch`. A cloud with fewer than `num` different
    points repeats index 0.

    Args:
        points_BN3: finite coordinates, of any float type.
        num: picks per cloud.

    Returns:
        index_BC, int64, in the order of picking.

    Raises:
        FoundryError: if a cloud has fewer than `num` points.
    """
    if points_BN3.ndim != 3 or points_BN3.shape[-1] != 3:
        raise FoundryError(f"clouds must be (clouds, points, 3), not {tuple(points_BN3.shape)}")
    num_points = points_BN3.shape[1]
    if not 1 <= num <= num_points:
        raise FoundryError(
            f"cannot pick {num} points of clouds of {num_points}: give 1 to all of them"
        )
    points_BN3 = points_BN3.detach().float()
    return _implementation(points_BN3)(points_BN3, num)


def farthest_points_torch(points_BN3: Tensor, num: int) -> Tensor:
    """The reference of `farthest_points`: a loop over picks in torch, on any device."""
    num_clouds, num_points, _ = points_BN3.shape
    clouds = num_clouds if points_BN3.is_cuda else max(1, CHUNK_POINTS // num_points)
    return torch.cat([_pick(chunk_BN3, num) for chunk_BN3 in torch.split(points_BN3, clouds)])


def farthest_points_fpsample(points_BN3: Tensor, num: int) -> Tensor:
    """The same picks through `fpsample`, on CPU, one cloud after the other on one thread.

    Its vanilla algorithm breaks ties towards the highest index; it is given each cloud backwards,
    which makes that the lowest. (Its bucket variants pick other points and are not used.)
    """
    fpsample = import_module("fpsample")
    last = points_BN3.shape[1] - 1
    backwards_B3N = points_BN3.flip(1).transpose(1, 2).contiguous().numpy()
    picks = np.empty((len(points_BN3), num), dtype=np.int64)
    for row, cloud_3N in enumerate(backwards_B3N):
        picks[row] = fpsample.fps_sampling(cloud_3N.T, num, start_idx=last)
    return torch.from_numpy(last - picks)


def _pick(points_BN3: Tensor, num: int) -> Tensor:
    x_BN, y_BN, z_BN = (axis.contiguous() for axis in points_BN3.unbind(-1))
    distance_BN = torch.full_like(x_BN, torch.inf)
    picks = [x_BN.new_zeros((len(x_BN), 1), dtype=torch.int64)]
    for _ in range(num - 1):
        last = picks[-1]
        squared_BN = (x_BN - x_BN.gather(1, last)).square_()
        squared_BN.add_((y_BN - y_BN.gather(1, last)).square_())
        squared_BN.add_((z_BN - z_BN.gather(1, last)).square_())
        torch.minimum(distance_BN, squared_BN, out=distance_BN)
        picks.append(distance_BN.argmax(dim=1, keepdim=True))
    return torch.cat(picks, dim=1)


def _implementation(points_BN3: Tensor) -> Callable[[Tensor, int], Tensor]:
    if points_BN3.is_cuda and points_BN3.shape[1] <= MOST_TRITON_POINTS and _is_installed("triton"):
        from foundry_bench.geometry.fps_triton import farthest_points_triton

        return farthest_points_triton
    if points_BN3.device.type == "cpu" and _is_installed("fpsample"):
        return farthest_points_fpsample
    return farthest_points_torch


@cache
def _is_installed(module: str) -> bool:
    return find_spec(module) is not None
