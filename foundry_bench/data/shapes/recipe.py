"""A recipe: how one class is built from random proportions, and the dice it may throw."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from foundry_bench.data.shapes.pieces import Piece

Shape = dict[str, list[Piece]]
"""The pieces of each part that is present, by the part's name."""

Option = TypeVar("Option")
_DRAW = 64


class Dice:
    """Random proportions."""

    def __init__(self, rng: np.random.Generator, spread: float) -> None:
        """Draws from `rng`; a `spread` in [0, 1] narrows every range around its middle."""
        self._rng = rng
        self._spread = spread
        self._uniforms: list[float] = []

    def between(self, low: float, high: float) -> float:
        """A length or ratio: uniform in [low, high] at spread 1, the middle at spread 0."""
        return (low + high) / 2.0 + (self._uniform() - 0.5) * (high - low) * self._spread

    def chance(self, probability: float) -> bool:
        """Whether an optional part is present (not affected by the spread)."""
        return self._uniform() < probability

    def count(self, low: int, high: int) -> int:
        """How often a part repeats: uniform in low ... high, both included."""
        return low + int(self._uniform() * (high - low + 1))

    def pick(self, options: Sequence[Option]) -> Option:
        """One of the options, all equally likely."""
        return options[int(self._uniform() * len(options))]

    def _uniform(self) -> float:
        # Drawing one number at a time from NumPy costs more than the shape's geometry.
        if not self._uniforms:
            self._uniforms = self._rng.random(_DRAW).tolist()
        return self._uniforms.pop()


@dataclass(frozen=True)
class Recipe:
    """A class: its name, its possible parts, and the function that builds one example."""

    name: str
    build: Callable[[Dice], Shape]
    parts: tuple[str, ...]
