from typing import Any

import pytest
import torch
from torch import Tensor

from foundry_bench.seeds import seeded
from foundry_bench.students.assignments import Assignment
from foundry_bench.students.assignments.dso import Dso, DsoPos, DsoSettings
from foundry_bench.testing import AssignmentContract


class TestDso(AssignmentContract):
    def assignment(self, width: int, supertokens: int) -> Assignment:
        return Dso(DsoSettings(name="dso", temperature_end=0.1), width, supertokens)


class TestDsoPos(AssignmentContract):
    def assignment(self, width: int, supertokens: int) -> Assignment:
        return DsoPos(DsoSettings(name="dso_pos"), width, supertokens)


class TestDsoWithHeads(AssignmentContract):
    def assignment(self, width: int, supertokens: int) -> Assignment:
        return DsoPos(DsoSettings(name="dso_pos", heads=3), width, supertokens)


class TestDsoWithoutNoise(AssignmentContract):
    noisy = False

    def assignment(self, width: int, supertokens: int) -> Assignment:
        return DsoPos(DsoSettings(name="dso_pos", noise="never"), width, supertokens)


def dso(kind: type[Dso] = DsoPos, **changes: Any) -> Dso:
    with seeded(0):
        return kind(DsoSettings(name="dso", **changes), 24, 5).eval()


def given() -> tuple[Tensor, Tensor, Tensor]:
    with seeded(1):
        return torch.randn(2, 10, 24), torch.randn(2, 10, 24), torch.randn(2, 10, 3)


def test_a_token_goes_where_query_times_key_is_largest() -> None:
    made, (tokens, positions, centers) = dso(), given()
    queries = made.query(made.supertokens_SD)
    keys = made.key(made.norm(tokens)) + made.position_key(made.position_norm(positions))
    found = made(tokens, positions, centers).argmax(-1)
    for cloud in range(2):
        for token in range(10):
            scores = [(query @ keys[cloud, token]).item() for query in queries]
            assert found[cloud, token] == scores.index(max(scores))


def test_only_dso_pos_looks_at_positions() -> None:
    tokens, positions, centers = given()
    other = positions.flip(1) * 3
    assert torch.equal(dso(Dso)(tokens, positions, centers), dso(Dso)(tokens, other, centers + 1))
    assert not torch.equal(dso()(tokens, positions, centers), dso()(tokens, other, centers))


def test_with_heads_the_mean_probability_decides() -> None:
    made, (tokens, positions, centers) = dso(Dso, heads=3), given()
    queries = made.query(made.supertokens_SD).unflatten(-1, (3, 8))
    keys = made.key(made.norm(tokens)).unflatten(-1, (3, 8))
    logits = torch.einsum("bche,she->bchs", keys, queries) / 8**0.5
    mean = logits.softmax(-1).mean(2)
    assert torch.equal(made(tokens, positions, centers).argmax(-1), mean.argmax(-1))
    torch.testing.assert_close(made._logits(made.keys(tokens, positions)).exp(), mean)


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(ValueError, match=r"assignment\.heads: 5 does not divide the width 24"):
        dso(heads=5)


def test_the_temperature_falls_geometrically() -> None:
    made = dso(temperature=4.0, temperature_end=0.25)
    temperatures = []
    for progress in (0.0, 0.5, 1.0):
        made.anneal(progress)
        temperatures.append(made.temperature)
    assert temperatures == pytest.approx([4.0, 1.0, 0.25])
    constant = dso(temperature=2.0)
    constant.anneal(0.5)
    assert constant.temperature == 2.0


def test_a_low_temperature_drowns_no_noise() -> None:
    """The temperature scales noise and logits alike: it moves gradients, not assignments."""
    tokens, positions, centers = given()
    found = []
    for temperature in (0.1, 5.0):
        with seeded(2):
            found.append(dso(temperature=temperature).train()(tokens, positions, centers))
    assert torch.equal(found[0].argmax(-1), found[1].argmax(-1))


def test_gradients_without_noise_are_those_of_the_softmax() -> None:
    made, (tokens, positions, centers) = dso(noise="never").train(), given()
    weights = torch.arange(5.0)
    (made(tokens, positions, centers) * weights).sum().backward()
    hard = made.query.weight.grad.clone()
    made.zero_grad()
    soft = made._logits(made.keys(tokens, positions)).softmax(-1)
    (soft * weights).sum().backward()
    torch.testing.assert_close(hard, made.query.weight.grad)


def test_values_start_as_the_tokens() -> None:
    tokens, _, _ = given()
    torch.testing.assert_close(dso().values(tokens), tokens)


def test_init_std_scales_the_supertokens() -> None:
    assert torch.equal(dso(init_std=2.0).supertokens_SD, 2 * dso().supertokens_SD)
