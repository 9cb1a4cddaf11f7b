"""Clouds as faulty sensors give them: seven corruptions in five severities.

Kinds and constants are those of ModelNet-C (Ren et al. 2022, arXiv 2202.03377; `corrupt_utils.py`
of its authors), which is made of 1,024 points a cloud; here counts are shares of the cloud's
points. Three things are ours:

- As many points go out as came in, since a model on a device takes clouds of one size. Where points
  were dropped, those that are left are repeated in order, which moves none and makes none up. Where
  points were added, original ones make room at random, so that the added ones are the same share
  of the cloud as there (at severity 3 of `add_local` 300 of 1,324).
- A cloud's random numbers come from a stream of its own, so that what becomes of it does not depend
  on the other clouds of a batch.
- The severity is not part of the stream: a cloud's damage grows along one path.

As there, only `scale` puts the cloud back into the unit sphere (uniform scale is none of its
damage); for the other kinds that would need to know the clean cloud.

B clouds, N points, A added points.
"""

import math
from collections.abc import Callable, Sequence
from typing import Literal, get_args

import torch
from torch import Tensor

from foundry_bench.errors import FoundryError

Kind = Literal[
    "jitter", "dropout_global", "dropout_local", "scale", "rotate", "add_global", "add_local"
]
KINDS: tuple[Kind, ...] = get_args(Kind)
SEVERITIES = range(1, 6)
PUBLISHED_POINTS = 1024
MOST_CLUSTERS = 7

Streams = Sequence[torch.Generator]


def corrupt(points_BN3: Tensor, kind: Kind, severity: int, streams: Streams) -> Tensor:
    """Corrupted clouds (B, N, 3), float32, on the device of `points_BN3`, which stay as they are.

    Args:
        points_BN3: clouds in the unit sphere.
        kind: what happens to them.
        severity: how much of it, 1 to 5.
        streams: a CPU generator for each cloud; all that is random about the cloud is drawn from
            it, the same numbers at each severity.

    Raises:
        FoundryError: if there is no such severity.
    """
    if severity not in SEVERITIES:
        raise FoundryError(f"a corruption's severity is 1 to {SEVERITIES[-1]}, not {severity}")
    assert len(streams) == len(points_BN3), "a stream for each cloud"
    return _CORRUPTIONS[kind](points_BN3.float(), severity, streams)


def _jitter(points_BN3: Tensor, severity: int, streams: Streams) -> Tensor:
    """Normal noise on each coordinate."""
    return points_BN3 + 0.01 * severity * _normal(streams, points_BN3[0].shape, points_BN3)


def _scale(points_BN3: Tensor, severity: int, streams: Streams) -> Tensor:
    """Each axis by a factor of its own; then centred, the farthest point at distance 1."""
    high = 1.5 + 0.1 * severity
    share_B13 = _uniform(streams, (1, 3), points_BN3)
    scaled_BN3 = points_BN3 * (1 / high + (high - 1 / high) * share_B13)
    centred_BN3 = scaled_BN3 - scaled_BN3.mean(1, keepdim=True)
    squared_BN1 = centred_BN3.square().sum(2, keepdim=True)
    return centred_BN3 / squared_BN1.amax(1, keepdim=True).sqrt()


def _rotate(points_BN3: Tensor, severity: int, streams: Streams) -> Tensor:
    """About each of the three axes by up to 6 degrees a severity."""
    angle_B3 = (2 * _uniform(streams, (3,), points_BN3) - 1) * (severity * math.pi / 30)
    for axis in (2, 1, 0):
        points_BN3 = _rotated(points_BN3, angle_B3[:, axis, None], axis)
    return points_BN3


def _rotated(points_BN3: Tensor, angle_B1: Tensor, axis: int) -> Tensor:
    """Right-handed about one axis; elementwise, since a matrix product of many clouds may round
    otherwise than that of one.
    """
    first, second = (axis + 1) % 3, (axis + 2) % 3
    cos_B1, sin_B1 = angle_B1.cos(), angle_B1.sin()
    turned_BN3 = points_BN3.clone()
    turned_BN3[..., first] = cos_B1 * points_BN3[..., first] - sin_B1 * points_BN3[..., second]
    turned_BN3[..., second] = sin_B1 * points_BN3[..., first] + cos_B1 * points_BN3[..., second]
    return turned_BN3


def _dropout_global(points_BN3: Tensor, severity: int, streams: Streams) -> Tensor:
    """A quarter of the points at random, and an eighth more for each further severity."""
    num_points = points_BN3.shape[1]
    rank_BN = (
        _uniform(streams, (num_points,), points_BN3).argsort(dim=1, stable=True).argsort(dim=1)
    )
    num_kept = max(1, int(num_points * (0.875 - 0.125 * severity)))
    return _repeated(points_BN3, rank_BN < num_kept, num_points)


def _dropout_local(points_BN3: Tensor, severity: int, streams: Streams) -> Tensor:
    """1 to 7 balls around random points, which hold 100 of 1,024 points a severity."""
    num_points = points_BN3.shape[1]
    order_BN = _uniform(streams, (num_points,), points_BN3).argsort(dim=1, stable=True)
    cluster_BN = _clusters(streams, num_points, points_BN3)
    cluster_BM = cluster_BN[:, : _share(100 * severity, num_points)]
    is_kept_BN = torch.ones_like(order_BN, dtype=torch.bool)
    for cluster in range(MOST_CLUSTERS):
        # The first point in a random order that is still there is a random one of those.
        first_B = is_kept_BN.gather(1, order_BN).byte().argmax(1, keepdim=True)
        center_B13 = _take(points_BN3, order_BN.gather(1, first_B))
        distance_BN = (points_BN3 - center_B13).square().sum(2)
        distance_BN.masked_fill_(~is_kept_BN, torch.inf)
        rank_BN = distance_BN.argsort(dim=1, stable=True).argsort(dim=1)
        size_B1 = (cluster_BM == cluster).sum(1, keepdim=True)
        is_kept_BN &= rank_BN >= size_B1
    return _repeated(points_BN3, is_kept_BN, num_points)


def _add_global(points_BN3: Tensor, severity: int, streams: Streams) -> Tensor:
    """10 points for 1,024 a severity, anywhere in the unit ball."""
    most = _share(10 * SEVERITIES[-1], points_BN3.shape[1])
    direction_BA3 = _normal(streams, (most, 3), points_BN3)
    # The largest of three uniform numbers is distributed as the radius in a ball.
    radius_BA1 = _uniform(streams, (most, 3), points_BN3).amax(2, keepdim=True)
    added_BA3 = radius_BA1 * direction_BA3 / direction_BA3.norm(dim=2, keepdim=True)
    return _joined(points_BN3, added_BA3, _share(10 * severity, points_BN3.shape[1]), streams)


def _add_local(points_BN3: Tensor, severity: int, streams: Streams) -> Tensor:
    """1 to 7 normal clusters around points of the cloud, 100 points for 1,024 a severity; what
    falls out of the unit sphere is put inside, p -> p / |p|².
    """
    num_points = points_BN3.shape[1]
    most = _share(100 * SEVERITIES[-1], num_points)
    order_BN = _uniform(streams, (num_points,), points_BN3).argsort(dim=1, stable=True)
    cluster_BA = _clusters(streams, most, points_BN3)
    spread_BK = 0.075 + 0.05 * _uniform(streams, (MOST_CLUSTERS,), points_BN3)
    noise_BA3 = _normal(streams, (most, 3), points_BN3)
    centers_BA3 = _take(points_BN3, order_BN.gather(1, cluster_BA))
    added_BA3 = centers_BA3 + spread_BK.gather(1, cluster_BA)[..., None] * noise_BA3
    added_BA3 /= added_BA3.square().sum(2, keepdim=True).clamp_min(1)
    return _joined(points_BN3, added_BA3, _share(100 * severity, num_points), streams)


_CORRUPTIONS: dict[Kind, Callable[[Tensor, int, Streams], Tensor]] = {
    "jitter": _jitter,
    "dropout_global": _dropout_global,
    "dropout_local": _dropout_local,
    "scale": _scale,
    "rotate": _rotate,
    "add_global": _add_global,
    "add_local": _add_local,
}


def _joined(points_BN3: Tensor, added_BA3: Tensor, num_added: int, streams: Streams) -> Tensor:
    """N points of the cloud and the first `num_added` of the others, each side in its share; the
    cloud's own come first, chosen at random.
    """
    num_points = points_BN3.shape[1]
    num_kept = round(num_points**2 / (num_points + num_added))
    rank_BN = (
        _uniform(streams, (num_points,), points_BN3).argsort(dim=1, stable=True).argsort(dim=1)
    )
    kept_BK3 = _repeated(points_BN3, rank_BN < num_kept, num_kept)
    return torch.cat([kept_BK3, added_BA3[:, : num_points - num_kept]], dim=1)


def _repeated(points_BN3: Tensor, is_kept_BN: Tensor, num: int) -> Tensor:
    """`num` points of each cloud: those that are kept, in order, again and again. All clouds keep
    as many.
    """
    index_BK = is_kept_BN.nonzero()[:, 1].view(len(points_BN3), -1)
    return _take(points_BN3, index_BK[:, torch.arange(num) % index_BK.shape[1]])


def _clusters(streams: Streams, num: int, like: Tensor) -> Tensor:
    """Cluster (B, num) of each of `num` points, one of the 1 to 7 that a cloud has."""
    num_clusters_B1 = (MOST_CLUSTERS * _uniform(streams, (1,), like)).long() + 1
    return (num_clusters_B1 * _uniform(streams, (num,), like)).long()


def _share(count: int, num_points: int) -> int:
    """`count` of 1,024 points as a count of `num_points`."""
    return round(count * num_points / PUBLISHED_POINTS)


def _take(points_BN3: Tensor, index_BM: Tensor) -> Tensor:
    return points_BN3.gather(1, index_BM[..., None].expand(-1, -1, 3))


def _uniform(streams: Streams, shape: Sequence[int], like: Tensor) -> Tensor:
    """float32 in [0, 1), (B, *shape), on the device of `like`."""
    return torch.stack([torch.rand(*shape, generator=stream) for stream in streams]).to(like.device)


def _normal(streams: Streams, shape: Sequence[int], like: Tensor) -> Tensor:
    """float32, (B, *shape), on the device of `like`."""
    drawn = [torch.randn(*shape, generator=stream) for stream in streams]
    return torch.stack(drawn).to(like.device)
