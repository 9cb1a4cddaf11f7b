from typing import Any

import pytest
import torch
from torch import nn

from foundry_bench.models.tokenizer import PatchTokenizer
from foundry_bench.seeds import seeded


def tokenizer(**changes: Any) -> PatchTokenizer:
    with seeded(0):
        return PatchTokenizer((8, 12, 20), 24, **changes)


def naive(part: PatchTokenizer, neighbors_BCK3: torch.Tensor) -> torch.Tensor:
    """As Point-JEPA writes it: the maximum is concatenated with every point."""
    flat = neighbors_BCK3.flatten(0, 1)
    batch, size, _ = flat.shape
    lifted = torch.relu(part.lift_norm(part.lift(flat).flatten(0, 1))).view(batch, size, -1)
    local = part.pool(lifted)
    whole = local.max(1, keepdim=True).values.expand_as(local)
    mixed = part.mix(torch.cat([whole, local], -1))
    mixed = torch.relu(part.mix_norm(mixed.flatten(0, 1))).view(batch, size, -1)
    return part.reduce(part.out(mixed).max(1).values).view(*neighbors_BCK3.shape[:2], -1)


@pytest.mark.parametrize("changes", [{}, {"bias": True}, {"bias": True, "pooled_width": 16}])
def test_equals_the_naive_concatenation(changes: dict[str, Any]) -> None:
    part = tokenizer(**changes)
    patches = torch.randn(3, 5, 4, 3)
    for training in (True, False):
        part.train(training)
        torch.testing.assert_close(part(patches), naive(part, patches))


def test_its_layers_are_those_of_point_jepa() -> None:
    part = PatchTokenizer((128, 256, 512), 384)
    shapes = {name: tuple(weight.shape) for name, weight in part.named_parameters()}
    assert shapes["lift.weight"] == (128, 3)
    assert shapes["pool.weight"] == (256, 128)
    assert shapes["mix.weight"] == (512, 512)
    assert shapes["out.weight"] == (384, 512)
    assert {"lift.bias", "mix.bias"}.isdisjoint(shapes)


def test_patches_do_not_see_each_other() -> None:
    part, patches = tokenizer().eval(), torch.randn(2, 5, 4, 3)
    changed = patches.clone()
    changed[0, 0] += 1
    same = (part(patches) == part(changed)).all(-1)
    assert not same[0, 0]
    assert same.sum() == 9


def test_many_patches_come_out_as_they_would_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    part, patches = tokenizer().eval(), torch.randn(6, 5, 4, 3)
    sizes: list[int] = []
    at_once = part(patches)
    part.pool.register_forward_hook(lambda _, inputs, out: sizes.append(len(out)))
    monkeypatch.setattr("foundry_bench.models.tokenizer.CHUNK_POINTS", 7 * 4)
    with torch.inference_mode():
        torch.testing.assert_close(part(patches), at_once)
    assert sizes == [7, 7, 7, 7, 2]
    part.requires_grad_(False)
    torch.testing.assert_close(part(patches), at_once.detach())
    assert len(sizes) == 10, "frozen, beside parts that train"


def test_where_it_trains_it_sees_all_patches_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    part, patches = tokenizer(), torch.randn(6, 5, 4, 3)
    sizes: list[int] = []
    part.pool.register_forward_hook(lambda _, inputs, out: sizes.append(len(out)))
    monkeypatch.setattr("foundry_bench.models.tokenizer.CHUNK_POINTS", 7 * 4)
    part(patches)
    part.eval()(patches)
    assert sizes == [30, 30]


def test_tokens_are_the_same_with_and_without_a_gradient() -> None:
    part, patches = tokenizer().eval(), torch.randn(2, 5, 4, 3)
    with torch.inference_mode():
        plain = part(patches)
    assert torch.equal(part(patches), plain)


def test_batch_norm_learns_from_what_it_sees() -> None:
    part = tokenizer()
    part(torch.randn(2, 5, 4, 3))
    assert isinstance(part.mix_norm, nn.BatchNorm1d)
    assert part.mix_norm.num_batches_tracked == 1
