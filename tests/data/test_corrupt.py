import math
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from foundry_bench.data.corrupt import KINDS, Kind, corrupt
from foundry_bench.errors import FoundryError
from foundry_bench.seeds import generator

NUM = 1024
each_kind = pytest.mark.parametrize("kind", KINDS)


def clouds(num: int = 6, points: int = NUM) -> Tensor:
    """Points on spheres that are squeezed along an axis."""
    points_BN3 = torch.randn(num, points, 3, generator=generator(0, "clouds"))
    points_BN3 /= points_BN3.norm(dim=2, keepdim=True)
    return points_BN3 * torch.tensor([0.9, 0.5, 0.3])


def streams(rows: range | list[int], seed: int = 0) -> list[torch.Generator]:
    return [generator(seed, "test", row) for row in rows]


def corrupted(points_BN3: Tensor, kind: Kind, severity: int, seed: int = 0) -> Tensor:
    return corrupt(points_BN3, kind, severity, streams(range(len(points_BN3)), seed))


def is_among(points_BN3: Tensor, others_BN3: Tensor) -> Tensor:
    """Whether each point is one of the same cloud's others, exactly."""
    return (points_BN3[:, :, None] == others_BN3[:, None]).all(-1).any(-1)


def num_left(points_BN3: Tensor, others_BN3: Tensor) -> list[int]:
    """How many of a cloud's points are among the others."""
    return is_among(points_BN3, others_BN3).sum(1).tolist()


def aspect(points_BN3: Tensor) -> Tensor:
    """Logarithms of the extent along each axis, relative to their mean."""
    extent_B3 = (points_BN3.amax(1) - points_BN3.amin(1)).log()
    return extent_B3 - extent_B3.mean(1, keepdim=True)


def damage(clean_BN3: Tensor, found_BN3: Tensor, kind: Kind) -> Tensor:
    """How far a cloud is from the clean one, in the way that the kind corrupts it."""
    if kind in ("jitter", "rotate"):
        return (found_BN3 - clean_BN3).norm(dim=2).mean(1)
    if kind == "scale":
        return (aspect(found_BN3) - aspect(clean_BN3)).norm(dim=1)
    if kind.startswith("dropout"):
        return (~is_among(clean_BN3, found_BN3)).double().mean(1)
    return (~is_among(found_BN3, clean_BN3)).double().mean(1)


@each_kind
@pytest.mark.parametrize("points", [100, 512, 1024, 2048])
@pytest.mark.parametrize("severity", [1, 5])
def test_as_many_points_go_out_as_came_in(kind: Kind, points: int, severity: int) -> None:
    clean = clouds(3, points)
    found = corrupted(clean.double(), kind, severity)
    assert found.shape == clean.shape
    assert found.dtype == torch.float32
    assert found.isfinite().all()
    assert not torch.equal(found, clean)


@each_kind
def test_each_severity_damages_each_cloud_more_than_the_one_before(kind: Kind) -> None:
    clean = clouds()
    found = [damage(clean, corrupted(clean, kind, severity), kind) for severity in range(1, 6)]
    assert all((less < more).all() for less, more in pairwise(found))
    assert (found[0] > 0).all()


@each_kind
def test_the_stream_decides(kind: Kind) -> None:
    clean = clouds()
    before = clean.clone()
    torch.manual_seed(1)
    first = corrupted(clean, kind, 3)
    torch.manual_seed(2)
    assert torch.equal(corrupted(clean, kind, 3), first)
    assert torch.equal(clean, before)
    other = corrupted(clean, kind, 3, seed=1)
    assert all(not torch.equal(*pair) for pair in zip(first, other, strict=True))
    same = corrupt(clean[:1].expand(2, -1, -1), kind, 3, streams([0, 1]))
    assert not torch.equal(same[0], same[1])


@each_kind
@pytest.mark.parametrize("points", [64, 1024])
def test_a_cloud_does_not_see_the_others_of_its_batch(kind: Kind, points: int) -> None:
    clean = clouds(40, points)
    together = corrupted(clean, kind, 4)
    for rows in ([31, 5, 8], [7], list(range(39))):
        assert torch.equal(corrupt(clean[rows], kind, 4, streams(rows)), together[rows])


def test_jitter_is_normal_noise_of_a_hundredth_a_severity() -> None:
    clean = clouds(20)
    for severity in (1, 4):
        noise = corrupted(clean, "jitter", severity) - clean
        assert noise.std().item() == pytest.approx(0.01 * severity, rel=0.02)
        assert abs(noise.mean().item()) < 1e-3 * severity


def test_scale_stretches_each_axis_within_its_range_and_normalises() -> None:
    clean = clouds(200)
    found = corrupted(clean, "scale", 2)
    torch.testing.assert_close(found.mean(1), torch.zeros(200, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(found.norm(dim=2).amax(1), torch.ones(200))
    factor_B3 = (found.amax(1) - found.amin(1)) / (clean.amax(1) - clean.amin(1))
    ratio_B = factor_B3.amax(1) / factor_B3.amin(1)
    assert 2.2 < ratio_B.max().item() <= 1.7**2 + 1e-4


def test_rotation_is_one_and_within_six_degrees_a_severity_about_each_axis() -> None:
    clean = clouds(300)
    found = corrupted(clean, "rotate", 5)
    torch.testing.assert_close(found.norm(dim=2), clean.norm(dim=2))
    matrix_B33 = torch.linalg.lstsq(clean, found).solution.transpose(1, 2)
    torch.testing.assert_close(torch.linalg.det(matrix_B33), torch.ones(300))
    torch.testing.assert_close(clean @ matrix_B33.transpose(1, 2), found)
    # matrix = X(x) · Y(y) · Z(z): its angles stand in the first row and the last column
    angles_B3 = torch.stack(
        [
            torch.atan2(-matrix_B33[:, 1, 2], matrix_B33[:, 2, 2]),
            torch.asin(matrix_B33[:, 0, 2]),
            torch.atan2(-matrix_B33[:, 0, 1], matrix_B33[:, 0, 0]),
        ],
        dim=1,
    )
    most = math.radians(30)
    assert angles_B3.abs().max().item() <= most + 1e-4
    assert (angles_B3.abs().amax(0) > 0.95 * most).all()
    expected = torch.full((3,), most / math.sqrt(3))
    torch.testing.assert_close(angles_B3.std(0), expected, rtol=0.1, atol=0)


@pytest.mark.parametrize(("severity", "left"), [(1, 768), (2, 640), (3, 512), (4, 384), (5, 256)])
def test_global_dropout_leaves_some_in_order_and_repeats_them(severity: int, left: int) -> None:
    clean = clouds()
    found = corrupted(clean, "dropout_global", severity)
    assert num_left(clean, found) == [left] * 6
    for cloud, result in zip(clean, found, strict=True):
        kept = cloud[is_among(cloud[None], result[None])[0]]
        assert torch.equal(result, kept[torch.arange(NUM) % left])


@pytest.mark.parametrize(("points", "severity", "gone"), [(1024, 3, 300), (512, 2, 100)])
def test_local_dropout_takes_its_share_of_the_points(points: int, severity: int, gone: int) -> None:
    clean = clouds(6, points)
    assert num_left(clean, corrupted(clean, "dropout_local", severity)) == [points - gone] * 6


def test_local_dropout_is_what_a_slow_loop_leaves() -> None:
    """One cloud after the other, one ball after the other, from the same random numbers."""
    clean = clouds(30, 256)
    found = corrupted(clean, "dropout_local", 4)
    num_clusters = set()
    for row, stream in enumerate(streams(range(30))):
        order = np.argsort(torch.rand(256, generator=stream).numpy(), kind="stable")
        num = int(7 * torch.rand(1, generator=stream).item()) + 1
        clusters = (num * torch.rand(256, generator=stream)).long().numpy()[:100]
        num_clusters.add(num)
        cloud, left = clean[row].numpy(), list(range(256))
        for cluster in range(num):
            center = cloud[next(point for point in order if point in left)]
            left.sort(key=lambda point: np.square(cloud[point] - center).sum())
            left = left[int((clusters == cluster).sum()) :]
        expected = cloud[sorted(left)]
        assert np.array_equal(found[row, : len(left)].numpy(), expected)
    assert num_clusters == set(range(1, 8))


@pytest.mark.parametrize(
    ("kind", "severity", "added"),
    [("add_global", 1, 10), ("add_global", 5, 48), ("add_local", 1, 91), ("add_local", 5, 336)],
)
def test_added_points_are_the_published_share_of_the_cloud(
    kind: Kind, severity: int, added: int
) -> None:
    """10 of 1,034, 50 of 1,074, 100 of 1,124 and 500 of 1,524."""
    clean = clouds()
    found = corrupted(clean, kind, severity)
    assert (~is_among(found, clean)).sum(1).tolist() == [added] * 6
    assert is_among(found[:, : NUM - added], clean).all()
    assert num_left(clean, found) == [NUM - added] * 6
    assert (found.norm(dim=2) <= 1 + 1e-6).all()


def test_global_addition_fills_the_ball_evenly() -> None:
    found = corrupted(clouds(200), "add_global", 5)[:, -48:].flatten(0, 1)
    radius = found.norm(dim=1)
    assert (radius**3).mean().item() == pytest.approx(0.5, abs=0.01)
    assert (radius**3).std().item() == pytest.approx(1 / math.sqrt(12), abs=0.01)
    torch.testing.assert_close(found.mean(0), torch.zeros(3), atol=0.02, rtol=0)


def test_local_addition_gathers_in_one_to_seven_clusters_around_points() -> None:
    """From the same random numbers, cloud by cloud."""
    clean = clouds(20)
    found = corrupted(clean, "add_local", 1)[:, -91:].numpy()
    for row, stream in enumerate(streams(range(20))):
        draws: dict[str, npt.NDArray[Any]] = {
            "order": torch.rand(NUM, generator=stream).numpy(),
            "num": torch.rand(1, generator=stream).numpy(),
            "cluster": torch.rand(500, generator=stream).numpy(),
            "spread": torch.rand(7, generator=stream).numpy(),
            "noise": torch.randn(500, 3, generator=stream).numpy(),
        }
        centers = clean[row].numpy()[np.argsort(draws["order"], kind="stable")]
        num = int(7 * draws["num"][0]) + 1
        for point in range(91):
            cluster = int(num * draws["cluster"][point])
            spread = 0.075 + 0.05 * draws["spread"][cluster]
            expected = centers[cluster] + spread * draws["noise"][point]
            expected /= max(1.0, float(np.square(expected).sum()))
            np.testing.assert_allclose(found[row, point], expected, atol=1e-6)


@pytest.mark.parametrize("severity", [0, 6])
def test_there_are_five_severities(severity: int) -> None:
    with pytest.raises(FoundryError, match=f"severity is 1 to 5, not {severity}"):
        corrupted(clouds(), "jitter", severity)
