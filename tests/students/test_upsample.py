import pytest
import torch
from torch import Tensor

from foundry_bench.seeds import seeded
from foundry_bench.students.upsample import Upsample


def given() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    with seeded(0):
        assign = torch.nn.functional.one_hot(torch.tensor([[0, 2, 2, 0, 1]]), 3).float()
        return assign, torch.randn(1, 3, 8), torch.randn(1, 5, 8), torch.randn(1, 5, 8)


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("position", [True, False])
def test_the_mlp_gets_the_sum_of_what_is_switched_on(*, residual: bool, position: bool) -> None:
    assign, supers, tokens, positions = given()
    part = Upsample(8, residual=residual, position=position, mlp_ratio=1.0)
    rows = []
    for token, place in enumerate([0, 2, 2, 0, 1]):
        row = supers[0, place]
        row = row + tokens[0, token] if residual else row
        rows.append(row + positions[0, token] if position else row)
    torch.testing.assert_close(
        part(assign, supers, tokens, positions)[0], part.mlp(torch.stack(rows))
    )


def test_without_the_residual_tokens_have_no_influence() -> None:
    assign, supers, tokens, positions = given()
    part = Upsample(8, residual=False, position=True, mlp_ratio=1.0)
    tokens.requires_grad_()
    part(assign, supers, tokens, positions).sum().backward()
    assert tokens.grad is None


def test_the_ratio_sets_the_hidden_width() -> None:
    assert Upsample(8, residual=True, position=True, mlp_ratio=2.5).mlp[0].out_features == 20


def test_one_assignment_compresses_and_routes_back_under_autocast() -> None:
    assign, supers, tokens, positions = given()
    part = Upsample(8, residual=True, position=True, mlp_ratio=1.0)
    with torch.autocast("cpu", torch.bfloat16):
        assert part(assign, supers.bfloat16(), tokens, positions).shape == (1, 5, 8)
