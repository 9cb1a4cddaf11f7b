import pytest

from foundry_bench.config.settings import ResourceSettings
from foundry_bench.errors import FoundryError
from foundry_bench.sweep.shares import (
    Machine,
    Shares,
    shares,
    slots_here,
    slots_of,
    usable_cores,
)
from foundry_bench.sweep.slots import Slots


@pytest.mark.parametrize(
    ("given", "cores", "gpus", "expected"),
    [
        ({}, 2, 0, Shares("cpu", 2, 1)),
        ({}, 8, 2, Shares("cuda", 2, 4)),
        ({"device": "cpu"}, 8, 2, Shares("cpu", 8, 1)),
        ({"concurrent": 2}, 8, 0, Shares("cpu", 2, 4)),
        ({"concurrent": 3}, 8, 0, Shares("cpu", 3, 2)),
        ({"concurrent": 4, "device": "cuda"}, 16, 1, Shares("cuda", 4, 4)),
        ({"concurrent": 16}, 2, 0, Shares("cpu", 16, 1)),
        ({"threads": 3}, 2, 0, Shares("cpu", 2, 3)),
        ({"gpu": 2}, 16, 2, Shares("cuda", 4, 4, 2)),
        ({"gpu": 4, "concurrent": 3}, 16, 1, Shares("cuda", 3, 5, 4)),
        ({"gpu": "auto"}, 16, 1, Shares("cuda", 8, 2, "auto")),
        ({"gpu": "auto"}, 4, 0, Shares("cpu", 4, 1)),
    ],
)
def test_shares(given: dict[str, object], cores: int, gpus: int, expected: Shares):
    assert shares(ResourceSettings.model_validate(given), cores, gpus) == expected


def test_cores_are_found():
    assert shares(ResourceSettings()).concurrent == usable_cores() >= 1


def test_a_gpu_that_is_not_there():
    with pytest.raises(FoundryError, match=r"resources\.device: given 'cuda'"):
        shares(ResourceSettings(device="cuda"), cores=2)


def test_a_cluster_has_the_slots_that_its_machines_hold():
    machines = [Machine(4, 0), Machine(7, 0), Machine(1, 0)]
    two = Shares("cpu", 12, 2)
    assert slots_of(two, machines, is_limited=False) == Slots(5, cpus=2, per_machine=3)
    few = Shares("cpu", 4, 2)
    assert slots_of(few, machines, is_limited=True) == Slots(4, cpus=2, per_machine=3)
    with pytest.raises(FoundryError, match=r"8 threads fits on no machine .* largest has 7 CPUs"):
        slots_of(Shares("cpu", 1, 8), machines, is_limited=True)


def test_gpus_of_a_cluster_are_shared_as_those_of_a_machine():
    share = shares(ResourceSettings(gpu=3), cores=32, gpus=4)
    machines = [Machine(16, 2), Machine(16, 2), Machine(8, 0)]
    assert slots_of(share, machines, is_limited=False) == Slots(12, 4, 3, cpus=0)
    assert slots_here(share, 4) == Slots(12, 4, 3)
    assert slots_here(shares(ResourceSettings(), 4, 0), 0) == Slots(4)
