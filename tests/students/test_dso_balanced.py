from typing import Any

import pytest
import torch
from torch import Tensor

from foundry_bench.cost.counting import random_patches
from foundry_bench.seeds import seeded
from foundry_bench.students.assignments import Assignment
from foundry_bench.students.assignments.dso_balanced import (
    DsoBalanced,
    DsoBalancedSettings,
    balance_shares,
)
from foundry_bench.students.foundry_gate import FoundryGate, FoundryGateSettings
from foundry_bench.testing import AssignmentContract, tiny_teacher
from foundry_bench.testing.tiny import SPEC


def made(width: int = 24, supertokens: int = 5, **changes: Any) -> DsoBalanced:
    with seeded(0):
        settings = DsoBalancedSettings(name="dso_balanced", **changes)
        return DsoBalanced(settings, width, supertokens)


class TestDsoBalanced(AssignmentContract):
    noisy = False

    def assignment(self, width: int, supertokens: int) -> Assignment:
        return made(width, supertokens)


class TestDsoBalancedFromFps(AssignmentContract):
    noisy = False

    def assignment(self, width: int, supertokens: int) -> Assignment:
        return made(width, supertokens, queries="fps", keys="content", heads=3, balance=0.5)


def given() -> tuple[Tensor, Tensor, Tensor]:
    with seeded(1):
        return torch.randn(4, 40, 24), torch.randn(4, 40, 24), torch.randn(4, 40, 3)


def test_training_and_test_assign_alike() -> None:
    assignment = made()
    trained = assignment.train()(*given()).argmax(-1)

    assert torch.equal(trained, assignment.eval()(*given()).argmax(-1))


def test_many_steps_give_each_supertoken_its_share_of_a_cloud() -> None:
    with seeded(2):
        logits_BCS = 3 * torch.randn(2, 40, 5)

    share_BS = balance_shares(logits_BCS, 200, 1.0).exp().mean(1)

    torch.testing.assert_close(share_BS, torch.full((2, 5), 0.2), atol=1e-3, rtol=0)


@pytest.mark.parametrize(("steps", "balance"), [(0, 1.0), (3, 0.0)])
def test_without_steps_or_balance_it_is_a_softmax(steps: int, balance: float) -> None:
    logits_BCS = torch.randn(2, 40, 5, generator=torch.Generator().manual_seed(0))

    balanced_BCS = balance_shares(logits_BCS, steps, balance).exp()

    torch.testing.assert_close(balanced_BCS, logits_BCS.softmax(-1))


def test_less_balance_leaves_the_shares_less_even() -> None:
    logits_BCS = torch.tensor([2.0, 0.0]).expand(1, 40, 2).clone()
    logits_BCS += 0.1 * torch.randn(1, 40, 2, generator=torch.Generator().manual_seed(0))

    largest = [balance_shares(logits_BCS, 3, b).exp().mean(1).max().item() for b in (0.0, 0.5, 1.0)]

    assert largest == sorted(largest, reverse=True)


def test_balancing_keeps_more_supertokens_in_use() -> None:
    used = [
        len(made(steps=steps, balance=1.0).eval()(*given()).sum(1).sum(0).nonzero())
        for steps in (0, 3)
    ]

    assert used[1] == 5
    assert used[0] <= used[1]


def test_content_alone_does_not_look_at_positions() -> None:
    tokens, positions, centers = given()
    content = made(keys="content").eval()

    assert torch.equal(content(tokens, positions, centers), content(tokens, -positions, centers))


def test_a_budget_is_kept_under_a_gate() -> None:
    assignment = DsoBalancedSettings(name="dso_balanced")
    settings = FoundryGateSettings(supertokens=3, budget=5, assignment=assignment)
    with seeded(0):
        student = FoundryGate(tiny_teacher(), settings).eval()
    embedding = student.embedding(random_patches(SPEC, 4))

    stats = student.compress(embedding).activity()

    assert stats["encoder_tokens"].max() <= 5
    assert stats["supertokens_in_use"].min() >= 1


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(ValueError, match=r"assignment\.heads: 5 does not divide the width 24"):
        made(heads=5)
