import threading
import time

import pytest
import torch

from foundry_bench.turns import clock, in_turns, next_turn, shared


def test_members_have_their_turns_in_order() -> None:
    said: list[str] = []
    told: list[int] = []

    def member(name: str, turns: int) -> str:
        for turn in range(turns):
            next_turn()
            said.append(f"{name}{turn}")
            assert "abc"[told[-1]] == name
        return name

    results = in_turns(
        [lambda: member("a", 3), lambda: member("b", 1), lambda: member("c", 2)], told.append
    )
    assert results == ["a", "b", "c"]
    # a passes on before its first step; from then on they take turns
    assert said == ["a0", "b0", "c0", "a1", "c1", "a2"]


def test_a_member_draws_the_numbers_that_it_draws_alone() -> None:
    def member(seed: int) -> list[float]:
        torch.manual_seed(seed)
        drawn = []
        for _ in range(4):
            next_turn()
            drawn.append(torch.rand(()).item())
        return drawn

    before = torch.get_rng_state()
    alone = [member(seed) for seed in range(3)]
    torch.set_rng_state(before)
    assert in_turns([lambda seed=seed: member(seed) for seed in range(3)]) == alone  # type: ignore[misc]
    assert torch.equal(torch.get_rng_state(), before)


def test_what_is_shared_is_made_once_a_round() -> None:
    made: list[object] = []

    def make() -> object:
        made.append(object())
        return made[-1]

    def member() -> object:
        next_turn()
        return shared("word", make)

    first, second = in_turns([member, member])
    assert first is second
    assert len(made) == 1
    in_turns([member])
    assert len(made) == 2, "another round makes its own"
    assert shared("word", make) is not shared("word", make), "nothing is shared elsewhere"


def test_a_member_that_fails_does_not_end_the_others() -> None:
    def fails() -> str:
        next_turn()
        raise ValueError("no")

    def works() -> str:
        for _ in range(3):
            next_turn()
        return "done"

    failed, first, second = in_turns([fails, works, works])
    assert isinstance(failed, ValueError)
    assert (first, second) == ("done", "done")


def test_an_interruption_ends_all_members_and_is_raised() -> None:
    ended: list[str] = []

    def interrupted() -> None:
        next_turn()
        raise KeyboardInterrupt

    def works() -> None:
        try:
            for _ in range(1000):
                next_turn()
        finally:
            ended.append("works")

    with pytest.raises(KeyboardInterrupt):
        in_turns([works, interrupted, works])
    assert ended == ["works", "works"]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("turn-")]


def test_a_members_clock_counts_its_own_turns() -> None:
    def member(nap_s: float) -> float:
        start = clock()
        for _ in range(3):
            time.sleep(nap_s)
            next_turn()
        return clock() - start

    quick, slow = in_turns([lambda: member(0.0), lambda: member(0.05)])
    assert isinstance(quick, float)
    assert isinstance(slow, float)
    assert quick < 0.1
    assert slow >= 0.15


def test_nobody_has_no_turns() -> None:
    assert in_turns([]) == []
