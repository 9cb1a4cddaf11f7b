from typing import Any

import numpy as np
import pytest
import torch

from foundry_bench.export import patches
from foundry_bench.geometry.patches import PatchSpec, group

GEOMETRY = {"points": 200, "patches": 12, "patch_size": 7}


@pytest.fixture(params=["fpsample", "numpy"], autouse=True)
def _with_and_without_fpsample(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if request.param == "numpy":
        monkeypatch.setattr(patches, "find_spec", lambda name: None)


@pytest.mark.parametrize("steps", [None, 3], ids=["random", "with ties"])
def test_patches_are_those_of_torch_to_the_bit(steps: int | None) -> None:
    """Points on a coarse grid have many equal distances, and many equal points."""
    random = np.random.default_rng(0)
    points_BN3 = random.normal(size=(4, 200, 3)).astype(np.float32)
    if steps:
        points_BN3 = random.integers(0, steps, size=(4, 200, 3)).astype(np.float32)
    wanted = group(torch.from_numpy(points_BN3), PatchSpec(**GEOMETRY))
    for row, points_N3 in enumerate(points_BN3):
        neighbors_CK3, centers_C3 = patches.patches(points_N3, 12, 7)
        assert np.array_equal(centers_C3, wanted.centers_BC3[row].numpy())
        assert np.array_equal(neighbors_CK3, wanted.neighbors_BCK3[row].numpy())


def test_a_cloud_becomes_inputs_whatever_its_size_and_place() -> None:
    cloud = np.random.default_rng(0).normal(size=(500, 3))
    made = patches.prepared(cloud, GEOMETRY)
    moved = patches.prepared(cloud * 1000 + 50, GEOMETRY)
    assert {name: value.shape for name, value in made.items()} == {
        "neighbors": (1, 12, 7, 3),
        "centers": (1, 12, 3),
    }
    for name, value in made.items():
        assert value.dtype == np.float32
        np.testing.assert_allclose(moved[name], value, atol=1e-5)
    points_N3 = patches.normalised(cloud, 200)
    assert np.linalg.norm(points_N3, axis=1).max() == pytest.approx(1)
    np.testing.assert_allclose(points_N3.mean(0), 0, atol=1e-6)


def test_points_are_not_taken_from_one_end() -> None:
    """Files are often sorted."""
    cloud = np.random.default_rng(0).normal(size=(1000, 3))
    cloud[:, 0] = np.arange(1000) // 100
    points_N3 = patches.normalised(cloud, 200)
    assert len(np.unique(points_N3[:, 0])) == 10


@pytest.mark.parametrize(
    ("cloud", "message"),
    [
        (np.zeros((199, 3)), "needs clouds of 200 points, this one has 199"),
        (np.zeros((200, 3)), "all points of the cloud are the same"),
        (np.zeros((3, 200)), "expected finite points"),
        (np.full((200, 3), np.nan), "expected finite points"),
    ],
)
def test_what_is_no_cloud_is_refused(cloud: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        patches.prepared(cloud, GEOMETRY)
