from foundry_bench.sweep.expand import expand
from foundry_bench.sweep.slots import Slots
from foundry_bench.sweep.supply import Supply, Waiting
from tests.sweep.planned_stages import sweep_config

TRIALS = expand(sweep_config(), 2, 0)


class Search:
    """Suggests what it is told to: None is `not yet`, nothing is the end."""

    def __init__(self, *found: list[int] | None) -> None:
        self.found = list(found)

    def next(self) -> list[object] | None:
        made = self.found.pop(0)
        return None if made is None else [TRIALS[index] for index in made]


def test_no_more_groups_are_out_than_there_are_slots() -> None:
    supply = Supply([[trial] for trial in TRIALS], None, Slots(2))
    first, second = supply.take(), supply.take()
    assert first is not None
    assert second is not None
    assert supply.take() is None
    assert not supply.is_over
    supply.ended(first.index)
    third = supply.take()
    assert third is not None
    assert [each.trials for each in (first, second, third)] == [[trial] for trial in TRIALS]
    assert supply.known() == []
    for given in (second, third):
        assert not supply.is_over
        supply.ended(given.index)
    assert supply.is_over


def test_what_comes_again_comes_first_and_ends_the_sweep_last() -> None:
    supply = Supply([[TRIALS[0]], [TRIALS[1]]], None, Slots(1))
    first = supply.take()
    assert first is not None
    supply.again(Waiting(first.trials, times=2))
    supply.ended(first.index)
    again = supply.take()
    assert again is not None
    assert (again.trials, again.index) == ([TRIALS[0]], 1)
    assert supply.num_trials == 1


def test_what_an_earlier_call_left_due_comes_first() -> None:
    due = Waiting([TRIALS[1]], times=2)
    supply = Supply([[TRIALS[0]]], None, Slots(2), [due])
    first, second = supply.take(), supply.take()
    assert first is not None
    assert second is not None
    assert (first.group, first.hold.share) == (due, 1)
    assert list(second.trials) == [TRIALS[0]]


def test_a_search_is_asked_when_nothing_is_known_and_never_after_its_end() -> None:
    supply = Supply([[TRIALS[0]]], Search(None, [1, 2], []), Slots(3))  # type: ignore[arg-type]
    assert supply.has_any()
    taken = [supply.take(), supply.take(), supply.take(), supply.take(), supply.take()]
    groups = [list(given.trials) if given else None for given in taken]
    assert groups == [[TRIALS[0]], None, [TRIALS[1], TRIALS[2]], None, None]
    assert not supply.is_over
    supply.ended(0)
    supply.ended(1)
    assert supply.is_over
