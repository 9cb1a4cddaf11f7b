"""Warm-up and turns, with a clock that the tests hold."""

import pytest

from foundry_bench.cost.timing import MOST_WARM_UP_MS, TURN_MS, quartiles, take_turns, warm_up


class Machine:
    """Calls that take what they are told to, one after the other; the last for ever."""

    def __init__(self, *times_ms: float) -> None:
        self.times_ms = list(times_ms)
        self.spent_ms = 0.0

    def time_of(self, calls: int) -> float:
        each_ms = self.times_ms.pop(0) if len(self.times_ms) > 1 else self.times_ms[0]
        self.spent_ms += calls * each_ms
        return each_ms


def test_a_warm_up_ends_when_calls_get_no_faster() -> None:
    machine = Machine(100, 9, 6, 4, 2)
    warm = warm_up(machine.time_of)
    assert (warm.calls, warm.is_stable) == (TURN_MS / 2, True)


def test_what_gets_slower_and_slower_is_given_up_and_told() -> None:
    machine = Machine(*(1.1**power for power in range(200)))
    warm = warm_up(machine.time_of)
    assert not warm.is_stable
    assert MOST_WARM_UP_MS <= machine.spent_ms < 3 * MOST_WARM_UP_MS


def test_a_slow_call_fills_a_turn_alone() -> None:
    assert warm_up(Machine(700).time_of).calls == 1


def test_everything_has_a_turn_in_every_round_and_no_fixed_neighbour() -> None:
    said: list[tuple[str, int]] = []
    rounds: list[int] = []

    def turn(name: str, calls: int) -> dict[str, float]:
        said.append((name, calls))
        return {"whole": float(len(said))}

    turns = {
        name: (lambda calls, name=name: turn(name, calls), number)
        for number, name in enumerate("abcd", start=1)
    }
    found = take_turns(turns, 6, rounds.append)
    assert rounds == [1, 2, 3, 4, 5, 6]
    orders = ["".join(name for name, _ in said[start : start + 4]) for start in range(0, 24, 4)]
    assert {"".join(sorted(order)) for order in orders} == {"abcd"}
    assert len(set(orders)) > 1
    assert dict(said) == {"a": 1, "b": 2, "c": 3, "d": 4}
    assert [each["whole"] for each in found["c"]] == [
        place for place, (name, _) in enumerate(said, start=1) if name == "c"
    ]


def test_quartiles_are_in_order() -> None:
    assert quartiles([5, 1, 4, 2, 3]) == pytest.approx((2, 3, 4))
