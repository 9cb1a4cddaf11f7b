"""Handles against closed forms. B clouds, H heads, Q queries, K keys, E width of a head."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foundry_bench.cost.tracing import trace_of
from foundry_bench.errors import FoundryError
from foundry_bench.models.transformer import Attention
from tests.cost.closed_form import attention_macs

HEADS, WIDTH, QUERIES, KEYS = 3, 12, 5, 7
LOGITS = HEADS * QUERIES * KEYS


class Cross(nn.Module):
    def __init__(self, mask_QK: Tensor | None = None) -> None:
        super().__init__()
        self.mask_QK = mask_QK

    def forward(self, queries_BHQE: Tensor, keys_BHKE: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(
            queries_BHQE, keys_BHKE, keys_BHKE, attn_mask=self.mask_QK
        )


class Calls(nn.Module):
    """Any function as a module."""

    def __init__(self, function: object, **modules: nn.Module) -> None:
        super().__init__()
        self.function = function
        for name, module in modules.items():
            self.add_module(name, module)

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.function(self, *inputs)  # type: ignore[operator]


def cost(module: nn.Module, *inputs: Tensor) -> dict[str, int]:
    return dict(trace_of(module, inputs).by_module[""])


def test_cross_attention_costs_its_two_products_and_a_softmax() -> None:
    width = WIDTH // HEADS
    inputs = torch.randn(1, HEADS, QUERIES, width), torch.randn(1, HEADS, KEYS, width)
    products = attention_macs(QUERIES, KEYS, WIDTH)
    assert products == 2 * QUERIES * KEYS * WIDTH
    assert cost(Cross(), *inputs) == {"attention": products, "attention_softmax": 6 * LOGITS}
    masked = cost(Cross(torch.ones(QUERIES, KEYS, dtype=torch.bool)), *inputs)
    assert masked == {"attention": products, "attention_softmax": 7 * LOGITS}


def test_self_attention_costs_four_projections_and_two_products() -> None:
    tokens_BKD = torch.randn(2, KEYS, WIDTH)
    found = cost(Attention(WIDTH, HEADS).eval(), tokens_BKD)
    assert found["linear"] == 2 * 4 * KEYS * WIDTH**2
    assert found["attention"] == 2 * attention_macs(KEYS, KEYS, WIDTH)


def test_a_product_counts_what_is_broadcast() -> None:
    product = Calls(lambda module, left, right: left @ right)
    assert cost(product, torch.randn(4, 5), torch.randn(3, 5, 6)) == {"matmul": 3 * 4 * 5 * 6}
    assert cost(product, torch.randn(3, 4, 5), torch.randn(5, 6)) == {"matmul": 3 * 4 * 5 * 6}
    added = Calls(lambda module, left, right: torch.addmm(right[0], left, right))
    assert cost(added, torch.randn(4, 6), torch.randn(6, 6))["matmul"] == 4 * 6 * 6


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda module, x: F.gelu(x) + 1, {"activation": 24, "elementwise": 24}),
        (lambda module, x: x.softmax(-1), {"softmax": 5 * 24}),
        (lambda module, x: x.sum(-1), {"reduction": 24}),
        (lambda module, x: x.logsumexp(-1), {"reduction": 3 * 24}),
        (lambda module, x: x.argsort(-1), {"sort": 24 * 3}),
        (lambda module, x: torch.cdist(x, x), {"distance": 3 * 3 * 3 * 8}),
        (lambda module, x: F.layer_norm(x, (8,)), {"norm": 4 * 24}),
        (lambda module, x: x.mT.flatten()[3:], {}),
    ],
)
def test_what_is_no_product_is_counted_beside(function: object, expected: dict[str, int]) -> None:
    assert cost(Calls(function), torch.randn(3, 8)) == expected


def test_arithmetic_on_shapes_is_free() -> None:
    reshaped = Calls(lambda module, x: x.reshape(x.shape[0] * x.shape[1], x.shape[2]))
    assert cost(reshaped, torch.randn(2, 3, 4)) == {}


def test_numbers_read_as_bits_can_be_traced() -> None:
    bits = Calls(lambda module, x: x.view(torch.int32) ^ 1)
    assert cost(bits, torch.randn(2, 3)) == {"elementwise": 6}


def test_an_operator_without_a_rule_is_an_error_that_names_it() -> None:
    with pytest.raises(FoundryError, match="no rule for the cost of aten::erfinv"):
        cost(Calls(lambda module, x: torch.erfinv(x)), torch.rand(3))


def test_a_module_with_parameters_that_counts_nothing_is_found() -> None:
    idle = Calls(lambda module, x: module.used(x), used=nn.Linear(3, 3), unused=nn.Linear(3, 3))
    assert trace_of(idle, (torch.randn(2, 3),)).silent == ("unused",)


def test_a_weight_that_is_used_in_halves_is_not_silent() -> None:
    split = Calls(
        lambda module, x: F.linear(x, module.mix.weight.chunk(2, dim=1)[0]), mix=nn.Linear(6, 3)
    )
    assert trace_of(split, (torch.randn(2, 3),)).silent == ()
