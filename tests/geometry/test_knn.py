"""Nearest neighbours against brute force."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from foundry_bench.errors import FoundryError
from foundry_bench.geometry import knn
from foundry_bench.geometry.knn import nearest
from tests.geometry.strategies import clouds


def squared_float64(centers_BC3: Tensor, points_BN3: Tensor) -> np.ndarray:
    """squared_BCN, in float64."""
    difference = centers_BC3.double()[:, :, None] - points_BN3.double()[:, None]
    return difference.square().sum(-1).numpy()


@given(clouds(), st.data())
def test_neighbours_are_the_nearest_in_float64(points_BN3: Tensor, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, points_BN3.shape[1]))
    centers_BC3 = points_BN3[:, :3]
    index_BCK = nearest(centers_BC3, points_BN3, k)
    squared = squared_float64(centers_BC3, points_BN3)
    found = np.take_along_axis(squared, index_BCK.numpy(), axis=-1)
    np.testing.assert_allclose(found, np.sort(squared, axis=-1)[..., :k], rtol=1e-6)


@given(st.integers(0, 2**32 - 1), st.data())
def test_ties_go_to_the_lowest_index(seed: int, data: st.DataObject) -> None:
    random = np.random.default_rng(seed)
    points_BN3 = torch.from_numpy(random.integers(-2, 3, size=(2, 30, 3)).astype(np.float32))
    k = data.draw(st.integers(1, 30))
    expected = np.argsort(squared_float64(points_BN3, points_BN3), axis=-1, kind="stable")[..., :k]
    assert np.array_equal(nearest(points_BN3, points_BN3, k).numpy(), expected)


def test_far_from_the_origin_nothing_cancels() -> None:
    offsets = torch.tensor([3.0, 1.0, 2.0, 0.0]) * 0.001
    points_BN3 = torch.zeros(1, 4, 3)
    points_BN3[0, :, 0] = 1000 + offsets
    assert nearest(points_BN3[:, 3:], points_BN3, 4).tolist() == [[[3, 1, 2, 0]]]


@pytest.mark.parametrize("most", [1, 20, 100, 1000])
def test_chunks_do_not_change_neighbours(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    points_BN3 = torch.randn(4, 20, 3, generator=torch.Generator().manual_seed(0))
    expected = nearest(points_BN3[:, :7], points_BN3, 5)
    monkeypatch.setitem(knn.CHUNK_DISTANCES, "cpu", most)
    assert torch.equal(nearest(points_BN3[:, :7], points_BN3, 5), expected)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_finds_the_same_neighbours() -> None:
    generator = torch.Generator().manual_seed(0)
    points_BN3 = torch.randint(0, 9, (4, 500, 3), generator=generator).float()
    on_cuda = nearest(points_BN3[:, :32].cuda(), points_BN3.cuda(), 16)
    assert torch.equal(on_cuda.cpu(), nearest(points_BN3[:, :32], points_BN3, 16))


def test_impossible_wishes_say_what_was_given() -> None:
    points_BN3 = torch.zeros(2, 8, 3)
    with pytest.raises(FoundryError, match="cannot find 9 neighbours in clouds of 8"):
        nearest(points_BN3, points_BN3, 9)
    with pytest.raises(FoundryError, match="centres of 1 clouds, points of 2"):
        nearest(points_BN3[:1], points_BN3, 2)
