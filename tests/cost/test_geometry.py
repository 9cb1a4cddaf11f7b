"""The formulas against arithmetic that counts itself."""

import numpy as np

from foundry_bench.cost.geometry import fps_ops, knn_ops
from foundry_bench.geometry.patches import PatchSpec

SPEC = PatchSpec(points=11, patches=4, patch_size=3)
POINTS = np.random.default_rng(0).normal(size=(SPEC.points, 3))


class Counter:
    def __init__(self) -> None:
        self.ops = 0

    def square_distance(self, one: np.ndarray, other: np.ndarray) -> float:
        squares = []
        for a, b in zip(one, other, strict=True):
            squares.append((a - b) ** 2)
            self.ops += 2
        self.ops += len(squares) - 1
        return float(sum(squares))

    def smaller(self, one: float, other: float) -> bool:
        self.ops += 1
        return one < other


def test_fps_by_its_definition() -> None:
    counter, last = Counter(), 0
    least = [np.inf] * SPEC.points
    for _ in range(SPEC.patches - 1):
        best = -np.inf
        for index, point in enumerate(POINTS):
            distance = counter.square_distance(point, POINTS[last])
            if counter.smaller(distance, least[index]):
                least[index] = distance
            if counter.smaller(best, least[index]):
                best, pick = least[index], index
        last = pick
    assert counter.ops == fps_ops(SPEC)


def test_knn_by_its_definition_with_the_least_that_selection_takes() -> None:
    counter = Counter()
    for center in POINTS[: SPEC.patches]:
        farthest_kept = np.inf
        for point in POINTS:
            counter.smaller(counter.square_distance(point, center), farthest_kept)
        counter.ops += 3 * SPEC.patch_size
    assert counter.ops == knn_ops(SPEC)
