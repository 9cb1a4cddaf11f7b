"""From a point cloud to patches, with numpy alone: it stands beside an exported model.

`prepared(points_M3, manifest["geometry"])` gives the model's inputs. With fpsample installed large
clouds are faster, and give the same.

Legend: M points of a cloud, N points that are used, C patches, K points a patch.
"""

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]


def prepared(points_M3: NDArray[Any], geometry: Mapping[str, int]) -> dict[str, Floats]:
    """`neighbors` (1, C, K, 3) and `centers` (1, C, 3) of one cloud, whose up axis is to be y.

    Raises:
        ValueError: if it is no cloud, or has fewer points than `geometry` asks for.
    """
    points_N3 = normalised(points_M3, geometry["points"])
    neighbors_CK3, centers_C3 = patches(points_N3, geometry["patches"], geometry["patch_size"])
    return {"neighbors": neighbors_CK3[None], "centers": centers_C3[None]}


def normalised(points_M3: NDArray[Any], num: int) -> Floats:
    """points_N3: `num` of the points, always the same random ones where there are more; centred on
    their mean, the farthest at distance 1.
    """
    if points_M3.ndim != 2 or points_M3.shape[1] != 3 or not np.isfinite(points_M3).all():
        raise ValueError(f"expected finite points (points, 3), given {points_M3.shape}")
    if len(points_M3) < num:
        raise ValueError(f"the model needs clouds of {num} points, this one has {len(points_M3)}")
    if len(points_M3) > num:
        points_M3 = points_M3[np.random.default_rng(0).permutation(len(points_M3))[:num]]
    points_N3 = points_M3.astype(np.float64)
    points_N3 -= points_N3.mean(axis=0)
    radius = np.linalg.norm(points_N3, axis=1).max()
    if radius == 0:
        raise ValueError("all points of the cloud are the same")
    scaled_N3: Floats = (points_N3 / radius).astype(np.float32)
    return scaled_N3


def patches(points_N3: Floats, num: int, size: int) -> tuple[Floats, Floats]:
    """neighbors_CK3 relative to their centres, nearest first, and centers_C3."""
    centers_C3 = points_N3[farthest_points(points_N3, num)]
    neighbors_CK3 = points_N3[nearest(centers_C3, points_N3, size)] - centers_C3[:, None]
    return neighbors_CK3, centers_C3


def farthest_points(points_N3: Floats, num: int) -> Integers:
    """index_C, from point 0 on: each the farthest from those before it, ties to the lower index."""
    if find_spec("fpsample"):
        last = len(points_N3) - 1  # it breaks ties towards the higher index: backwards
        backwards_N3 = np.asfortranarray(points_N3[::-1])
        picked: Any = import_module("fpsample").fps_sampling(backwards_N3, num, start_idx=last)
        index_C: Integers = last - picked.astype(np.int64)
        return index_C
    picks = [0]
    left_N = np.full(len(points_N3), np.inf, np.float32)
    for _ in range(num - 1):
        np.minimum(left_N, _squared_distance(points_N3, points_N3[picks[-1]]), out=left_N)
        picks.append(int(left_N.argmax()))
    return np.array(picks)


def nearest(centers_C3: Floats, points_N3: Floats, num: int) -> Integers:
    """index_CK of the points nearest to each centre, in order; equal distances by index."""
    return np.stack(
        [
            np.argsort(_squared_distance(points_N3, center_3), kind="stable")[:num]
            for center_3 in centers_C3
        ]
    )


def _squared_distance(points_N3: Floats, point_3: Floats) -> Floats:
    x_N, y_N, z_N = ((points_N3 - point_3) ** 2).T
    squared_N: Floats = x_N + y_N + z_N
    return squared_N
