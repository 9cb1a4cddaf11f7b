import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from foundry_bench.geometry.interpolation import LEAST_SQUARED, interpolation
from tests.geometry.strategies import clouds


@given(clouds(most_points=12), st.integers(1, 12))
def test_points_take_from_the_three_nearest_by_inverse_square(
    points: torch.Tensor, num_centers: int
) -> None:
    """Checked against loops in float64; where centres are equally near, their order is open."""
    centers = points[:, :num_centers]
    weights = interpolation(points, centers)
    assert weights.shape == (len(points), points.shape[1], centers.shape[1])
    for cloud, of_cloud in enumerate(weights.double().numpy()):
        for point, of_point in enumerate(of_cloud):
            offsets = points[cloud, point].double() - centers[cloud].double()
            squared = offsets.square().sum(-1).numpy()
            nearest = np.sort(squared)[:3]
            inverse = 1 / (nearest + LEAST_SQUARED)
            expected = np.sort(inverse / inverse.sum())
            np.testing.assert_allclose(np.sort(of_point)[-len(expected) :], expected, rtol=1e-4)
            assert (of_point > 0).sum() <= 3
            assert squared[of_point > 0].max() <= nearest.max() * (1 + 1e-6)


@pytest.mark.parametrize("num_centers", [1, 2, 3, 8])
def test_weights_of_a_point_sum_to_one(num_centers: int) -> None:
    points = torch.randn(2, 10, 3)
    weights = interpolation(points, torch.randn(2, num_centers, 3))
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 10))
    assert (weights > 0).sum(-1).eq(min(3, num_centers)).all()


def test_a_point_on_a_centre_is_that_centre() -> None:
    centers = torch.eye(3)[None] * 2
    torch.testing.assert_close(interpolation(centers, centers)[0], torch.eye(3), atol=1e-6, rtol=0)


def test_a_similarity_of_both_changes_nothing() -> None:
    points, centers = torch.randn(2, 10, 3), torch.randn(2, 5, 3)
    turn = torch.linalg.qr(torch.randn(3, 3)).Q * 1.3
    torch.testing.assert_close(
        interpolation(points @ turn, centers @ turn),
        interpolation(points, centers),
        rtol=1e-3,
        atol=1e-5,
    )


def test_it_is_float32_and_without_gradient_under_autocast() -> None:
    points = torch.randn(2, 10, 3, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        weights = interpolation(points, points[:, :4])
    assert weights.dtype == torch.float32
    assert not weights.requires_grad
    assert torch.equal(weights, interpolation(points, points[:, :4]))
