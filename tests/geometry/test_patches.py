"""Grouping: what patches promise."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from foundry_bench.errors import FoundryError
from foundry_bench.geometry.patches import Patches, PatchSpec, group
from tests.geometry.strategies import clouds

SPEC = PatchSpec(points=64, patches=8, patch_size=6)


def random_clouds(num: int = 5, points: int = 64) -> Tensor:
    return torch.randn(num, points, 3, generator=torch.Generator().manual_seed(0))


@given(clouds(), st.data())
def test_patches_are_points_around_centres(points_BN3: Tensor, data: st.DataObject) -> None:
    num_points = points_BN3.shape[1]
    sizes = st.integers(1, num_points)
    spec = PatchSpec(points=num_points, patches=data.draw(sizes), patch_size=data.draw(sizes))
    patches = group(points_BN3, spec)
    assert patches.neighbors_BCK3.shape == (len(points_BN3), spec.patches, spec.patch_size, 3)
    assert patches.centers_BC3.shape == (len(points_BN3), spec.patches, 3)
    assert torch.equal(patches.centers_BC3[:, 0], points_BN3[:, 0])
    assert not patches.neighbors_BCK3[:, :, 0].any()
    absolute = (patches.neighbors_BCK3 + patches.centers_BC3[:, :, None]).flatten(1, 2)
    difference = absolute[:, :, None] - points_BN3[:, None]
    assert (difference.abs().amax(-1).amin(-1) < 1e-3).all()
    distances = patches.neighbors_BCK3.norm(dim=-1)
    assert (distances.diff(dim=-1) >= -1e-6 * distances[..., :-1]).all()


def test_points_beyond_the_spec_are_not_used() -> None:
    points_BN3 = random_clouds(points=100)
    expected = group(points_BN3[:, :64], SPEC)
    assert torch.equal(group(points_BN3, SPEC).neighbors_BCK3, expected.neighbors_BCK3)


def test_the_order_of_points_does_not_change_patches_if_the_first_stays() -> None:
    points_BN3 = random_clouds()
    others = 1 + torch.randperm(63, generator=torch.Generator().manual_seed(1))
    order = torch.cat([torch.tensor([0]), others])
    before, after = group(points_BN3, SPEC), group(points_BN3[:, order], SPEC)
    assert torch.equal(before.centers_BC3, after.centers_BC3)
    assert torch.equal(before.neighbors_BCK3, after.neighbors_BCK3)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_changes_nothing(dtype: torch.dtype) -> None:
    points_BN3 = random_clouds()
    matrix_B33 = torch.eye(3).expand(5, 3, 3) * 1.1
    expected = group(points_BN3, SPEC)
    with torch.autocast("cpu", dtype=dtype):
        patches = group(points_BN3, SPEC)
        turned = patches.transformed(matrix_B33)
    assert patches.neighbors_BCK3.dtype == turned.neighbors_BCK3.dtype == torch.float32
    assert torch.equal(patches.neighbors_BCK3, expected.neighbors_BCK3)
    assert torch.equal(turned.neighbors_BCK3, expected.transformed(matrix_B33).neighbors_BCK3)


def test_half_precision_points_give_float32_patches() -> None:
    points_BN3 = random_clouds().half()
    patches = group(points_BN3, SPEC)
    assert patches.centers_BC3.dtype == torch.float32
    assert torch.equal(patches.neighbors_BCK3, group(points_BN3.float(), SPEC).neighbors_BCK3)


def test_transformed_is_grouping_the_transformed_clouds() -> None:
    points_BN3 = random_clouds()
    angle, scale = 0.7, 1.3
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    matrix_B33 = torch.tensor([[cos, 0, sin], [0, scale, 0], [-sin, 0, cos]]).expand(5, 3, 3)
    expected = group(torch.einsum("bij,bnj->bni", matrix_B33, points_BN3), SPEC)
    found = group(points_BN3, SPEC).transformed(matrix_B33)
    torch.testing.assert_close(found.centers_BC3, expected.centers_BC3)
    torch.testing.assert_close(found.neighbors_BCK3, expected.neighbors_BCK3)


def test_select_takes_clouds() -> None:
    patches = group(random_clouds(), SPEC)
    chosen = patches.select(torch.tensor([3, 1])).to("cpu")
    assert isinstance(chosen, Patches)
    assert len(chosen) == 2
    assert torch.equal(chosen.centers_BC3, patches.centers_BC3[[3, 1]])
    assert torch.equal(chosen.neighbors_BCK3, patches.neighbors_BCK3[[3, 1]])


def test_impossible_wishes_say_what_was_given() -> None:
    with pytest.raises(FoundryError, match="need clouds of 64 points, these have 63"):
        group(torch.zeros(2, 63, 3), SPEC)
    with pytest.raises(FoundryError, match=r"patches must be 1 to points \(16\), not 32"):
        PatchSpec(points=16, patches=32, patch_size=4)
    with pytest.raises(FoundryError, match="patch_size must be 1 to points"):
        PatchSpec(points=16, patches=4, patch_size=0)
