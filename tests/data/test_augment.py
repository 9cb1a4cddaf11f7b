"""Random views as matrices."""

import torch

from foundry_bench.config.settings import ViewSettings
from foundry_bench.data.augment import random_views, rotation_about_y


def views(num: int = 500, **changes: object) -> torch.Tensor:
    settings = ViewSettings.model_validate(changes)
    return random_views(num, settings, torch.Generator().manual_seed(0))


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
    first = random_views(9, ViewSettings(), generator)
    assert not torch.equal(first, random_views(9, ViewSettings(), generator))


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
