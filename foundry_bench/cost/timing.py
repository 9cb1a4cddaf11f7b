"""Timing of many things side by side: warmed up, then in turns, so that drift hits all alike."""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

K = TypeVar("K")
TimeOf = Callable[[int], float]
"""A number of calls -> milliseconds of one, mean over them."""
Turn = Callable[[int], Mapping[str, float]]
"""A number of calls -> milliseconds of one, by what was timed."""

TURN_MS = 10.0
"""A turn has so many calls that they take this long together, at least one."""
WINDOW_MS = 20.0
"""What the warm-up looks at at a time."""
STABLE = 0.05
"""A thing is warm when the last window is within this share of the fastest before it."""
LEAST_WINDOWS, MOST_WARM_UP_MS = 3, 2000.0


@dataclass(frozen=True)
class Warm:
    """What the warm-up found.

    Attributes:
        calls: how many fill a turn.
        is_stable: whether it ended because the last window was as fast as those before.
    """

    calls: int
    is_stable: bool


def warm_up(time_of: TimeOf) -> Warm:
    """Call until that takes no longer than before, for two seconds at most."""
    once_ms = time_of(1)
    calls = max(1, round(WINDOW_MS / max(once_ms, 1e-3)))
    windows: list[float] = []
    spent_ms = once_ms
    is_stable = False
    while not is_stable and (len(windows) < LEAST_WINDOWS or spent_ms < MOST_WARM_UP_MS):
        windows.append(time_of(calls))
        spent_ms += windows[-1] * calls
        fastest = min(windows[:-1], default=math.inf)
        is_stable = len(windows) >= LEAST_WINDOWS and abs(windows[-1] - fastest) <= STABLE * fastest
    return Warm(max(1, round(TURN_MS / max(windows[-1], 1e-3))), is_stable)


def take_turns(
    turns: Mapping[K, tuple[Turn, int]], rounds: int, told: Callable[[int], None]
) -> dict[K, list[Mapping[str, float]]]:
    """Each thing's milliseconds in each round; `told` is called after every round.

    All have one turn a round, in an order that is drawn anew each time (always the same draws), so
    that nobody always comes after the same neighbour.
    """
    found: dict[K, list[Mapping[str, float]]] = {key: [] for key in turns}
    order = random.Random(0)
    for number in range(rounds):
        for key in order.sample(list(turns), len(turns)):
            turn, calls = turns[key]
            found[key].append(turn(calls))
        told(number + 1)
    return found


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """First quartile, median, third quartile."""
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75]).tolist()
    return low, middle, high
