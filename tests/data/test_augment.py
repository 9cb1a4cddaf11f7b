"""Random views as affine maps."""

import torch

from foundry_bench.config.settings import ViewSettings
from foundry_bench.data.augment import Affine, random_affine, rotation_about_y


def views(num: int = 500, **changes: object) -> torch.Tensor:
    settings = ViewSettings.model_validate(changes)
    return random_affine(num, settings, torch.Generator().manual_seed(0)).matrix_B33


def test_default_views_are_similarities_about_y() -> None:
    matrix_B33 = views()
    assert matrix_B33.dtype == torch.float32
    scale_B = torch.linalg.det(matrix_B33).pow(1 / 3)
    gram_B33 = matrix_B33.transpose(1, 2) @ matrix_B33
    torch.testing.assert_close(gram_B33, scale_B[:, None, None].square() * torch.eye(3))
    up_B3 = matrix_B33 @ torch.tensor([0.0, 1.0, 0.0])
    torch.testing.assert_close(up_B3, scale_B[:, None] * torch.tensor([0.0, 1.0, 0.0]))
    assert 0.8 <= scale_B.min() < 0.85
    assert 1.15 < scale_B.max() <= 1.2
    assert matrix_B33[:, 0, 0].min() < -0.7


def test_the_same_generator_gives_the_same_views() -> None:
    assert torch.equal(views(), views())
    generator = torch.Generator().manual_seed(0)
    first, second = (random_affine(9, ViewSettings(), generator).matrix_B33 for _ in range(2))
    assert not torch.equal(first, second)


def test_views_can_be_switched_off() -> None:
    still = views(rotate="none", scale=(1.0, 1.0))
    assert torch.equal(still, torch.eye(3).expand(500, 3, 3))


def test_scale_per_axis_scales_before_it_rotates() -> None:
    matrix_B33 = views(scale_per_axis=True, patches="fresh")
    lengths_B3 = matrix_B33.norm(dim=1)
    gram_B33 = matrix_B33.transpose(1, 2) @ matrix_B33
    torch.testing.assert_close(gram_B33, torch.diag_embed(lengths_B3.square()))
    assert (lengths_B3.amax(1) - lengths_B3.amin(1)).median() > 0.1


def test_rotations_are_right_handed() -> None:
    quarter = rotation_about_y(torch.tensor([torch.pi / 2]))[0]
    torch.testing.assert_close(quarter @ torch.tensor([0.0, 0, 1]), torch.tensor([1.0, 0, 0]))


def test_a_shift_leaves_rotation_and_scale_as_they_were() -> None:
    settings = ViewSettings(shift=0.2)
    moves = random_affine(500, settings, torch.Generator().manual_seed(0))
    assert torch.equal(moves.matrix_B33, views())
    assert moves.shift_B3 is not None
    assert moves.shift_B3.abs().max() <= 0.2
    assert moves.shift_B3.amin() < -0.19
    assert moves.shift_B3.amax() > 0.19


def test_a_map_turns_and_then_shifts() -> None:
    quarter = rotation_about_y(torch.tensor([torch.pi / 2, 0.0]))
    move = Affine(quarter, torch.tensor([[0.0, 1.0, 0.0], [5.0, 0.0, 0.0]]))
    points_BN3 = torch.tensor([[[0.0, 0.0, 1.0]], [[1.0, 2.0, 3.0]]])
    expected = torch.tensor([[[1.0, 1.0, 0.0]], [[6.0, 2.0, 3.0]]])
    torch.testing.assert_close(move(points_BN3), expected)


def test_normalized_views_are_in_the_unit_sphere() -> None:
    stream = torch.Generator().manual_seed(1)
    points_BN3 = torch.randn(4, 50, 3, generator=stream) + 3
    settings = ViewSettings(scale_per_axis=True, shift=0.5, patches="fresh", normalize=True)
    move = random_affine(4, settings, stream)
    moved_BN3 = move.normalized(points_BN3)(points_BN3)
    torch.testing.assert_close(moved_BN3.mean(1), torch.zeros(4, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(moved_BN3.norm(dim=-1).amax(1), torch.ones(4))
    was_BN3 = move(points_BN3)
    spread = (was_BN3 - was_BN3.mean(1, keepdim=True)).norm(dim=-1).amax(1)
    torch.testing.assert_close(
        moved_BN3[:, 0] - moved_BN3[:, 1], (was_BN3[:, 0] - was_BN3[:, 1]) / spread[:, None]
    )
