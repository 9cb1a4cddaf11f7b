"""Farthest point sampling against its definition."""

from random import Random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from foundry_bench.errors import FoundryError
from foundry_bench.geometry import fps
from foundry_bench.geometry.fps import farthest_points, farthest_points_torch
from tests.geometry.strategies import clouds


def brute_force(points_N3: Tensor, num: int) -> list[int]:
    """The definition: the lowest index among the points whose distance to the picks is largest."""
    points = points_N3.numpy()
    picks = [0]
    while len(picks) < num:
        difference = points[:, None] - points[picks][None]
        squared = difference[..., 0] ** 2 + difference[..., 1] ** 2 + difference[..., 2] ** 2
        picks.append(int(np.argmax(squared.min(axis=1))))
    return picks


@given(clouds(), st.data())
def test_picks_are_those_of_the_definition(points_BN3: Tensor, data: st.DataObject) -> None:
    num = data.draw(st.integers(1, points_BN3.shape[1]))
    expected = [brute_force(points_N3, num) for points_N3 in points_BN3]
    assert farthest_points_torch(points_BN3, num).tolist() == expected
    assert farthest_points(points_BN3, num).tolist() == expected


@given(clouds(), st.data())
def test_fpsample_picks_as_the_reference(points_BN3: Tensor, data: st.DataObject) -> None:
    pytest.importorskip("fpsample", reason="fpsample, an optional extra, is not installed")
    num = data.draw(st.integers(1, points_BN3.shape[1]))
    picks_BC = fps.farthest_points_fpsample(points_BN3, num)
    assert torch.equal(picks_BC, farthest_points_torch(points_BN3, num))


@given(clouds(), st.randoms(use_true_random=False))
def test_the_order_of_points_does_not_change_the_picked_points(
    points_BN3: Tensor, random: Random
) -> None:
    generator = torch.Generator().manual_seed(1)
    points_BN3 = points_BN3 + torch.randn(points_BN3.shape, generator=generator)  # no ties
    num_points = points_BN3.shape[1]
    order = [0, *random.sample(range(1, num_points), num_points - 1)]
    num = min(num_points, 6)
    before = points_BN3[:, farthest_points(points_BN3[:1], num)[0]][0]
    shuffled_BN3 = points_BN3[:, order]
    after = shuffled_BN3[:, farthest_points(shuffled_BN3[:1], num)[0]][0]
    assert torch.equal(before, after)


def test_a_cloud_in_a_batch_is_picked_as_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    points_BN3 = torch.randn(7, 64, 3, generator=torch.Generator().manual_seed(0))
    alone = torch.cat([farthest_points(cloud[None], 16) for cloud in points_BN3])
    assert torch.equal(farthest_points(points_BN3, 16), alone)
    monkeypatch.setattr(fps, "CHUNK_POINTS", 128)
    assert torch.equal(farthest_points_torch(points_BN3, 16), alone)


def test_picking_all_points_gives_each_once() -> None:
    points_BN3 = torch.randn(2, 33, 3, generator=torch.Generator().manual_seed(0))
    picks_BC = farthest_points(points_BN3, 33)
    assert picks_BC.dtype == torch.int64
    assert picks_BC[:, 0].tolist() == [0, 0]
    assert picks_BC.sort(dim=1).values.tolist() == [list(range(33))] * 2


def test_without_fpsample_the_torch_loop_picks_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    points_BN3 = torch.randint(0, 3, (3, 50, 3), generator=torch.Generator().manual_seed(0)).float()
    expected = farthest_points(points_BN3, 20)
    monkeypatch.setattr(fps, "_is_installed", lambda module: False)
    monkeypatch.setattr(fps, "farthest_points_fpsample", None)
    assert torch.equal(farthest_points(points_BN3, 20), expected)


@pytest.mark.parametrize(
    ("shape", "num", "message"),
    [
        ((2, 8, 3), 9, "cannot pick 9 points of clouds of 8"),
        ((2, 8, 3), 0, "cannot pick 0 points"),
        ((8, 3), 4, r"must be \(clouds, points, 3\), not \(8, 3\)"),
        ((2, 3, 8), 2, r"must be \(clouds, points, 3\), not \(2, 3, 8\)"),
    ],
)
def test_impossible_wishes_say_what_was_given(
    shape: tuple[int, ...], num: int, message: str
) -> None:
    with pytest.raises(FoundryError, match=message):
        farthest_points(torch.zeros(shape), num)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(("num_points", "num"), [(1, 1), (7, 3), (512, 32), (1024, 64), (8192, 64)])
def test_triton_picks_as_the_reference(num_points: int, num: int) -> None:
    pytest.importorskip("triton", reason="Triton is not installed")
    from foundry_bench.geometry.fps_triton import farthest_points_triton

    generator = torch.Generator().manual_seed(0)
    normal_BN3 = torch.randn(5, num_points, 3, generator=generator)
    tied_BN3 = torch.randint(0, 4, (5, num_points, 3), generator=generator).float()
    for points_BN3 in (normal_BN3, tied_BN3):
        picks_BC = farthest_points_triton(points_BN3.cuda(), num)
        assert torch.equal(picks_BC.cpu(), farthest_points_torch(points_BN3, num))


def test_points_near_the_origin_are_picked_as_others() -> None:
    points_B23 = torch.tensor([[[1.0, 0, 0], [0.01, 0, 0], [0.9, 0, 0]]])
    assert farthest_points(points_B23, 2).tolist() == [[0, 1]]
