import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from foundry_bench.geometry.patches import Patches
from foundry_bench.seeds import seeded
from foundry_bench.testing import tiny_patches, tiny_teacher
from foundry_bench.training.mae import Mae, MaeSettings, chamfer


def mae(**changes: float) -> Mae:
    with seeded(0):
        return Mae(tiny_teacher(), MaeSettings(decoder_depth=1, decoder_heads=3, **changes))


def loss_of(module: Mae, patches: Patches, seed: int = 0) -> torch.Tensor:
    with seeded(seed):
        return module(patches)


def test_chamfer_equals_that_of_a_search_tree() -> None:
    random = np.random.default_rng(0)
    first, second = random.normal(size=(4, 6, 3)), random.normal(size=(4, 9, 3))
    there, back = [], []
    for one, other in zip(first, second, strict=True):
        there.append(cKDTree(other).query(one)[0] ** 2)
        back.append(cKDTree(one).query(other)[0] ** 2)
    expected = np.mean(there) + np.mean(back)
    found = chamfer(torch.from_numpy(first), torch.from_numpy(second))
    assert found.item() == pytest.approx(expected)


@pytest.mark.parametrize(("share", "expected"), [(0.6, 5), (0.01, 1), (0.99, 7)])
def test_the_share_says_how_many_are_hidden_but_never_all_or_none(
    share: float, expected: int
) -> None:
    assert mae(mask_share=share).num_masked == expected


def test_masks_are_drawn_from_the_global_generator() -> None:
    module, patches = mae(), tiny_patches()
    assert loss_of(module, patches) == loss_of(module, patches)
    assert loss_of(module, patches) != loss_of(module, patches, seed=1)


def test_hidden_patches_reach_neither_encoder_nor_decoder() -> None:
    """What is drawn depends on the others alone, and the loss on all: on those as targets."""
    module, patches = mae().eval(), tiny_patches(1)
    patches.neighbors_BCK3.requires_grad_()
    drawn: list[torch.Tensor] = []
    module.points.register_forward_hook(lambda _, __, out: drawn.append(out))
    loss = loss_of(module, patches)

    def touched(value: torch.Tensor) -> int:
        (gradient,) = torch.autograd.grad(value, patches.neighbors_BCK3, retain_graph=True)
        return int((gradient[0].abs().sum((1, 2)) > 0).sum())

    assert touched(drawn[0].square().sum()) == 8 - module.num_masked
    assert touched(loss) == 8


def test_everything_trains() -> None:
    module = mae().train()
    loss_of(module, tiny_patches()).backward()
    assert all(parameter.grad is not None for parameter in module.parameters())


def test_perfect_points_have_no_loss() -> None:
    points = torch.randn(2, 4, 3)
    assert chamfer(points.flip(1), points).item() == pytest.approx(0, abs=1e-12)


def test_the_decoder_has_biases_of_queries_keys_and_values() -> None:
    mae = Mae(tiny_teacher(), MaeSettings(decoder_depth=1, decoder_heads=3))
    assert all(block.attn.qkv.bias is not None for block in mae.decoder.blocks)
