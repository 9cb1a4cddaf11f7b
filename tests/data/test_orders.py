"""Orders that no version of numpy may change."""

from hypothesis import given
from hypothesis import strategies as st

from foundry_bench.data.orders import shuffled


def test_orders_are_these_for_ever() -> None:
    assert shuffled(8, 0).tolist() == [3, 2, 1, 6, 0, 7, 4, 5]
    assert shuffled(8, 0, 1).tolist() == [7, 4, 5, 1, 6, 2, 0, 3]


@given(st.integers(0, 300), st.lists(st.integers(0, 2**40), min_size=1, max_size=3))
def test_every_number_occurs_once_and_the_key_decides(num: int, key: list[int]) -> None:
    assert sorted(shuffled(num, *key)) == list(range(num))
    assert shuffled(num, *key).tolist() == shuffled(num, *key).tolist()


def test_keys_give_orders_of_their_own() -> None:
    keys = [(a, b) for a in range(5) for b in range(5)]
    assert len({tuple(shuffled(30, *key).tolist()) for key in keys}) == len(keys)
