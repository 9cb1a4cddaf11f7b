import pytest

from foundry_bench.sweep.slots import Hold, Slots


@pytest.mark.parametrize(
    ("slots", "once", "twice"),
    [
        (Slots(1), Hold(1, {"CPU": 1}), Hold(1, {"CPU": 1})),
        (Slots(2), Hold(0.5, {"CPU": 1}), Hold(1, {"CPU": 2})),
        (Slots(4), Hold(0.25, {"CPU": 1}), Hold(0.5, {"CPU": 2})),
        (Slots(6, cpus=2, per_machine=4), Hold(0.25, {"CPU": 2}), Hold(0.5, {"CPU": 4})),
        (Slots(3, 1), Hold(1 / 3, {"CPU": 1, "GPU": 0.3333}), Hold(1, {"CPU": 1, "GPU": 1})),
        (Slots(2, 2), Hold(1, {"CPU": 1, "GPU": 1}), Hold(1, {"CPU": 1, "GPU": 1})),
        (Slots(8, 2, 4), Hold(0.25, {"CPU": 1, "GPU": 0.25}), Hold(0.5, {"CPU": 1, "GPU": 0.5})),
        (Slots(3, 2, cpus=0), Hold(0.5, {"GPU": 0.5}), Hold(1, {"GPU": 1})),
    ],
)
def test_a_group_holds_one_nth_and_twice_of_it_as_far_as_there_is(
    slots: Slots, once: Hold, twice: Hold
):
    assert slots.hold() == once
    assert slots.hold(2) == twice


def test_until_it_is_measured_a_group_has_a_gpu_to_itself():
    slots = Slots(16, gpus=2, per_gpu="auto")
    assert slots.is_unpacked
    assert (slots.now, slots.hold().share) == (2, 1)
    packed = slots.packed(4)
    assert not packed.is_unpacked
    assert (packed.now, packed.hold().share) == (8, 0.25)


def test_no_more_groups_than_were_asked_for():
    assert Slots(3, gpus=2, per_gpu=4).now == 3
    assert Slots(5).now == 5
