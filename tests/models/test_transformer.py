from typing import Any

import pytest
import torch
from torch import Tensor

from foundry_bench.models.transformer import (
    Attention,
    Block,
    Encoder,
    NormedSkipBlock,
    initialize,
    position_mlp,
)
from foundry_bench.seeds import seeded


def encoder(**changes: Any) -> Encoder:
    with seeded(0):
        return Encoder(24, 3, 3, **changes).eval()


def given(tokens: int = 6) -> tuple[Tensor, Tensor]:
    with seeded(1):
        return torch.randn(2, tokens, 24), torch.randn(2, tokens, 24)


def test_attention_equals_the_formula() -> None:
    with seeded(0):
        attention = Attention(24, 3)
    tokens, _ = given()
    parts = (tokens @ attention.qkv.weight.T + attention.qkv.bias).split(24, -1)
    query, key, value = (part.unflatten(-1, (3, 8)).transpose(1, 2) for part in parts)
    mixed = (query @ key.transpose(2, 3) / 8**0.5).softmax(-1) @ value
    expected = attention.proj(mixed.transpose(1, 2).flatten(2))
    torch.testing.assert_close(attention(tokens), expected)


def test_a_mask_equals_removing_the_tokens() -> None:
    model, (tokens, positions) = encoder(), given()
    mask = torch.tensor([[True, False, True, True, False, True]] * 2)
    kept = mask[0]
    short = model(tokens[:, kept], positions[:, kept])
    torch.testing.assert_close(model(tokens, positions, mask)[:, kept], short)
    assert not torch.allclose(model(tokens, positions)[:, kept], short)


def test_a_mask_of_numbers_is_added_to_the_logits() -> None:
    """The logarithm of 2 makes a token count twice."""
    with seeded(0):
        attention = Attention(24, 3)
    tokens, _ = given()
    twice = torch.cat([tokens, tokens[:, 2:3]], dim=1)
    mask = torch.tensor([1.0, 1, 2, 1, 1, 1]).log().expand(2, 1, 1, 6)
    torch.testing.assert_close(attention(tokens, mask), attention(twice)[:, :6])


def test_masks_may_differ_between_clouds() -> None:
    model, (tokens, positions) = encoder(), given()
    mask = torch.ones(2, 6, dtype=torch.bool)
    mask[0, 3:] = False
    masked = model(tokens, positions, mask)
    torch.testing.assert_close(masked[1:], model(tokens[1:], positions[1:]))
    torch.testing.assert_close(masked[:1, :3], model(tokens[:1, :3], positions[:1, :3]))


def test_positions_are_added_before_every_block() -> None:
    model, (tokens, positions) = encoder(), given()
    expected = tokens
    for block in model.blocks:
        expected = block(expected + positions)
    assert torch.equal(model(tokens, positions), model.norm(expected))


def test_hidden_gives_the_blocks_asked_for_in_that_order() -> None:
    model, (tokens, positions) = encoder(), given()
    layers = []
    for block in model.blocks:
        tokens = block(tokens + positions)
        layers.append(tokens)
    found = model.hidden(given()[0], positions, indices=(2, 0, -2, -1))
    expected = [layers[2], layers[0], layers[1], layers[2]]
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


def test_a_block_is_pre_norm_with_skips() -> None:
    with seeded(0):
        block = Block(24, 3, 2.0, 0.0)
    tokens, _ = given()
    between = tokens + block.attn(block.norm1(tokens))
    assert torch.equal(block(tokens), between + block.mlp(block.norm2(between)))


def test_a_block_may_skip_from_behind_the_norm() -> None:
    with seeded(0):
        block = NormedSkipBlock(24, 3, 2.0, 0.0)
    tokens, _ = given()
    normed = block.norm1(tokens)
    between = block.norm2(normed + block.attn(normed))
    assert torch.equal(block(tokens), between + block.mlp(between))


def test_class_tokens_go_through_the_blocks_and_do_not_come_out() -> None:
    model, (tokens, positions) = encoder(num_class_tokens=2), given()
    mixed = torch.cat([model.class_tokens.expand(2, -1, -1), tokens], 1)
    places = torch.cat([model.class_positions.expand(2, -1, -1), positions], 1)
    layers = []
    for block in model.blocks:
        mixed = block(mixed + places)
        layers.append(mixed[:, 2:])
    assert torch.equal(model(tokens, positions), model.norm(layers[-1]))
    assert all(map(torch.equal, model.hidden(tokens, positions, indices=(0, 1, 2)), layers))


def test_class_tokens_are_never_masked() -> None:
    model, (tokens, positions) = encoder(num_class_tokens=2), given()
    mask = torch.tensor([[True, False, True, True, False, True]] * 2)
    kept = mask[0]
    short = model(tokens[:, kept], positions[:, kept])
    torch.testing.assert_close(model(tokens, positions, mask)[:, kept], short)


def test_what_enters_is_what_the_first_block_gets() -> None:
    model, (tokens, positions) = encoder(num_class_tokens=2), given()
    mask = torch.zeros(2, 6, dtype=torch.bool)
    entered, places, seen = model.enter(tokens.bfloat16(), positions, mask)
    assert entered.shape == places.shape == (2, 8, 24)
    assert entered.dtype == torch.bfloat16
    assert torch.equal(entered[:, 2:], tokens.bfloat16())
    assert seen.tolist() == [[True] * 2 + [False] * 6] * 2
    assert model.enter(tokens, positions)[2] is None
    plain = encoder()
    assert plain.enter(tokens, positions, mask) == (tokens, positions, mask)
    assert not any("class" in name for name in plain.state_dict())


def test_drop_path_drops_a_branch_of_whole_clouds_in_training_only() -> None:
    with seeded(0):
        block = Block(24, 3, 2.0, 0.5)
    branch = torch.ones(400, 2, 24)
    with seeded(0):
        dropped = block.train().dropped(branch)
    values = dropped.flatten(1)
    assert torch.equal(values.amin(1), values.amax(1))
    assert set(values[:, 0].tolist()) == {0.0, 2.0}
    assert values.mean() == pytest.approx(1, abs=0.15)
    assert torch.equal(block.eval().dropped(branch), branch)


def test_drop_path_grows_with_depth() -> None:
    rates = [block.drop_path for block in encoder(drop_path=0.2).blocks]
    assert rates == pytest.approx([0.0, 0.1, 0.2])


def test_weights_start_as_those_of_vits() -> None:
    with seeded(0):
        model = position_mlp(200, 100)
        initialize(model)
    assert model[2].weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert not model[2].bias.any()


def test_drop_path_can_be_set_and_is_as_one_that_was_given() -> None:
    model = encoder(drop_path=0.4)
    model.set_drop_path(0.2)
    given = [block.drop_path for block in encoder(drop_path=0.2).blocks]
    assert [block.drop_path for block in model.blocks] == given
    model.set_drop_path(0.25, first=0.25)
    assert [block.drop_path for block in model.blocks] == [0.25] * len(given)


@pytest.mark.parametrize("rates", [(0.5, 0.0), (0.0, 0.5)])
def test_dropout_acts_in_training_only(rates: tuple[float, float]) -> None:
    with seeded(0):
        model = encoder()
        tokens, positions = torch.randn(2, 6, 24), torch.randn(2, 6, 24)
    plain = model.train()(tokens, positions)
    model.set_dropout(*rates)
    with seeded(1):
        thinned = model(tokens, positions)
    assert not torch.allclose(thinned, plain, atol=1e-3)
    assert torch.equal(model.eval()(tokens, positions), plain)


@pytest.mark.parametrize("num_class_tokens", [0, 2])
def test_a_mask_of_pairs_says_who_attends_to_whom(num_class_tokens: int) -> None:
    """Tokens that attend to themselves and to class tokens alone do not depend on the others."""
    model = encoder(num_class_tokens=num_class_tokens)
    with seeded(1):
        tokens, positions = torch.randn(2, 2, 5, 24)
    alone = torch.eye(5, dtype=torch.bool).expand(2, 5, 5)
    found = model(tokens, positions, alone)
    for token in range(5):
        here = slice(token, token + 1)
        expected = model(tokens[:, here], positions[:, here], alone[:, here, here])
        torch.testing.assert_close(found[:, here], expected, rtol=1e-4, atol=1e-5)
    everywhere = model(tokens, positions, torch.ones_like(alone))
    assert not torch.allclose(found, everywhere, atol=1e-3)
