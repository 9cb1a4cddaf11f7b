import torch

from foundry_bench.config.settings import NamedSettings
from foundry_bench.seeds import generator
from foundry_bench.students.assignments import Assignment
from foundry_bench.students.assignments.random import Random, hashed
from foundry_bench.testing import AssignmentContract


def random(supertokens: int) -> Random:
    return Random(NamedSettings(name="random"), 24, supertokens)


class TestRandom(AssignmentContract):
    noisy = False

    def assignment(self, width: int, supertokens: int) -> Assignment:
        return random(supertokens)


def test_supertokens_get_about_equal_shares() -> None:
    """Counts within five standard deviations of a fair draw, overall and in near places alike."""
    for spread in (1.0, 1e-3):
        centers = spread * torch.randn(100, 64, 3, generator=generator(0, "centers"))
        tokens = torch.zeros(100, 64, 24)
        counts = random(16)(tokens, tokens, centers).sum((0, 1))
        assert ((counts - 400).abs() < 5 * (400 * 15 / 16) ** 0.5).all()


def test_where_a_token_goes_depends_on_its_centre_alone() -> None:
    stream = generator(0, "tokens")
    centers = torch.randn(2, 8, 3, generator=stream)
    tokens, positions = (torch.randn(2, 8, 24, generator=stream) for _ in range(2))
    other = torch.zeros(2, 8, 24)
    expected = random(4)(other, other, centers)
    assert torch.equal(random(4)(tokens, positions, centers), expected)
    turned = random(4)(other, other, centers.flip(1)).flip(1)
    assert torch.equal(turned, expected)


def test_clouds_are_drawn_apart() -> None:
    centers = torch.randn(2, 64, 3, generator=generator(0, "centers"))
    tokens = torch.zeros(2, 64, 24)
    first, second = random(8)(tokens, tokens, centers).argmax(-1)
    assert (first == second).float().mean() < 0.5


def test_numbers_are_spread_between_zero_and_one() -> None:
    numbers = hashed(torch.randn(10, 1000, 3, generator=generator(0, "centers"))).flatten()
    assert numbers.min() >= 0
    assert numbers.max() < 1
    deciles = torch.histc(numbers.float(), 10, 0, 1)
    assert ((deciles - 1000).abs() < 5 * 900**0.5).all()
