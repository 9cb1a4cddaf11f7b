import pytest

from foundry_bench.config.settings import ResourceSettings
from foundry_bench.errors import FoundryError
from foundry_bench.sweep.shares import Shares, shares, usable_cores


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
    ],
)
def test_shares(given: dict[str, object], cores: int, gpus: int, expected: Shares):
    assert shares(ResourceSettings.model_validate(given), cores, gpus) == expected


def test_cores_are_found():
    assert shares(ResourceSettings()).concurrent == usable_cores() >= 1


def test_a_gpu_that_is_not_there():
    with pytest.raises(FoundryError, match=r"resources\.device: given 'cuda'"):
        shares(ResourceSettings(device="cuda"), cores=2)
