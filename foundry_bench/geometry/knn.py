"""The nearest points of a centre: exact, float32, ties by index.

Legend: B clouds, N points, C centres, K neighbours.
"""

import numpy as np
import torch
from torch import Tensor

from foundry_bench.errors import FoundryError

CHUNK_DISTANCES = {"cpu": 1 << 17, "cuda": 1 << 27}
"""Distances held at a time: on a CPU they stay in its cache, on a GPU they bound the memory."""
INDEX_BITS = 32


def nearest(centers_BC3: Tensor, points_BN3: Tensor, k: int) -> Tensor:
    """The `k` points of each cloud nearest to each centre.

    Squared distances are sums of squared differences in float32 (no expansion into a matrix
    product, which would cancel), also under autocast. A centre that is one of the points is its own
    first neighbour, unless an equal point has a lower index.

    Args:
        centers_BC3: finite coordinates, of any float type.
        points_BN3: the same, of the same number of clouds.
        k: neighbours of each centre.

    Returns:
        index_BCK, int64, nearest first; equal distances are in the order of the index.

    Raises:
        FoundryError: if `k` is not in 1 to N, or the clouds do not fit together.
    """
    num_clouds, num_points = points_BN3.shape[:2]
    if not 1 <= k <= num_points:
        raise FoundryError(f"cannot find {k} neighbours in clouds of {num_points} points")
    if centers_BC3.shape[0] != num_clouds:
        raise FoundryError(f"centres of {len(centers_BC3)} clouds, points of {num_clouds}")
    centers_BC3, points_BN3 = centers_BC3.detach().float(), points_BN3.detach().float()
    if torch.compiler.is_exporting():
        # no chunks and no bits of floats in a graph; ONNX's TopK breaks ties by index too
        return _squared_distance(centers_BC3, points_BN3).topk(k, largest=False).indices
    most = CHUNK_DISTANCES.get(points_BN3.device.type, CHUNK_DISTANCES["cpu"])
    num_centers = centers_BC3.shape[1]
    clouds = max(1, most // max(1, num_centers * num_points))
    centers = num_centers if clouds > 1 else max(1, most // num_points)
    index_BCK = centers_BC3.new_empty((num_clouds, num_centers, k), dtype=torch.int64)
    for row in range(0, num_clouds, clouds):
        rows = slice(row, row + clouds)
        for column in range(0, num_centers, max(1, centers)):
            columns = slice(column, column + centers)
            keys = _keys(centers_BC3[rows, columns], points_BN3[rows])
            index_BCK[rows, columns] = _smallest(keys, k).bitwise_and_((1 << INDEX_BITS) - 1)
    return index_BCK


def _keys(centers_BC3: Tensor, points_BN3: Tensor) -> Tensor:
    """Keys that order by squared distance, then index: floats >= 0 are ordered as their bits."""
    squared_BCN = _squared_distance(centers_BC3, points_BN3)
    index_N = torch.arange(points_BN3.shape[1], device=points_BN3.device)
    bits_BCN = squared_BCN.view(torch.int32).to(torch.int64)
    return bits_BCN.bitwise_left_shift_(INDEX_BITS).bitwise_or_(index_N)


def _squared_distance(centers_BC3: Tensor, points_BN3: Tensor) -> Tensor:
    squared_BCN = _squared(centers_BC3, points_BN3, axis=0)
    for axis in (1, 2):
        squared_BCN.add_(_squared(centers_BC3, points_BN3, axis=axis))
    return squared_BCN


def _squared(centers_BC3: Tensor, points_BN3: Tensor, *, axis: int) -> Tensor:
    return (centers_BC3[:, :, None, axis] - points_BN3[:, None, :, axis]).square_()


def _smallest(keys_BCN: Tensor, k: int) -> Tensor:
    """The `k` smallest, in order; on a CPU thread numpy's partition takes half of torch's topk."""
    if keys_BCN.device.type != "cpu":
        return keys_BCN.topk(k, dim=-1, largest=False, sorted=True).values
    keys = keys_BCN.numpy()
    keys.partition(k - 1, axis=-1)
    return torch.from_numpy(np.sort(keys[..., :k], axis=-1))
