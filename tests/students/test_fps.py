import torch

from foundry_bench.config.settings import NamedSettings
from foundry_bench.seeds import generator
from foundry_bench.students.assignments import Assignment
from foundry_bench.students.assignments.fps import Fps
from foundry_bench.testing import AssignmentContract


def fps(supertokens: int) -> Fps:
    return Fps(NamedSettings(name="fps"), 24, supertokens)


class TestFps(AssignmentContract):
    noisy = False

    def assignment(self, width: int, supertokens: int) -> Assignment:
        return fps(supertokens)


def slow_fps(points: list[tuple[float, ...]], num: int) -> list[int]:
    """For each point the number of the nearest pick, in the order in which they are picked."""

    def distance(one: tuple[float, ...], other: tuple[float, ...]) -> float:
        return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))

    mean = tuple(sum(values) / len(points) for values in zip(*points, strict=True))
    picks = [max(points, key=lambda point: distance(point, mean))]
    while len(picks) < num:
        picks.append(max(points, key=lambda p: min(distance(p, pick) for pick in picks)))
    return [min(range(num), key=lambda n: distance(point, picks[n])) for point in points]


def test_a_token_goes_to_the_nearest_farthest_point() -> None:
    tokens = torch.zeros(4, 20, 24)
    centers = torch.randn(4, 20, 3, generator=generator(0, "centers"))
    for supertokens in (1, 3, 7, 20):
        found = fps(supertokens)(tokens, tokens, centers).argmax(-1)
        for cloud in range(4):
            points = [tuple(point) for point in centers[cloud].tolist()]
            assert found[cloud].tolist() == slow_fps(points, supertokens)


def test_every_supertoken_has_a_token() -> None:
    tokens = torch.zeros(50, 16, 24)
    centers = torch.randn(50, 16, 3, generator=generator(1, "centers"))
    assert (fps(16)(tokens, tokens, centers).sum(1) == 1).all()
