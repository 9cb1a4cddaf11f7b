"""Neighbours on the machine, from what the system would say."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from filelock import Timeout

from foundry_bench import provenance
from foundry_bench.cost import machine
from foundry_bench.cost.machine import (
    OtherWork,
    describe_apart,
    gpu_neighbours,
    gpu_state,
    is_busy,
    turn_on,
)
from foundry_bench.errors import FoundryError


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU with a name."""
    properties = SimpleNamespace(uuid="1234")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: properties)


def saying(apps: str, percent: str) -> machine.Ask:
    def ask(arguments: Sequence[str]) -> str:
        assert arguments[0] == "--id=GPU-1234"
        return apps if "compute-apps" in arguments[1] else percent

    return ask


@pytest.mark.usefixtures("gpu")
def test_an_idle_gpu_has_no_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.os, "getpid", lambda: 7)
    assert gpu_neighbours(0, saying("7, python\n", "3\n")) == []


@pytest.mark.usefixtures("gpu")
def test_another_process_is_named() -> None:
    assert gpu_neighbours(0, saying("8, train.py\n", "99\n")) == ["process 8 (train.py)"]


@pytest.mark.usefixtures("gpu")
def test_work_of_nobody_that_can_be_seen_counts_too() -> None:
    assert gpu_neighbours(0, saying("\n", "80\n")) == ["work that keeps it 80 % busy"]


@pytest.mark.usefixtures("gpu")
def test_without_an_answer_nothing_is_assumed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FoundryError, match=r"give --shared"):
        gpu_neighbours(0)


@pytest.mark.usefixtures("gpu")
def test_clock_and_temperature_are_told_as_far_as_they_are_known() -> None:
    device = torch.device("cuda")
    assert gpu_state(device, saying("", "1980, 41\n")) == {
        "gpu_clock_mhz": 1980.0,
        "gpu_celsius": 41.0,
    }
    assert gpu_state(device, saying("", "[N/A], 41\n")) == {"gpu_celsius": 41.0}
    assert gpu_state(torch.device("cpu")) == {}


@pytest.mark.usefixtures("gpu")
def test_a_device_is_timed_by_one_at_a_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(machine, "gettempdir", lambda: str(tmp_path))
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    with turn_on(cpu), turn_on(cuda):
        for device in (cpu, cuda):
            with pytest.raises(Timeout):
                turn_on(device).acquire(timeout=0)
    with turn_on(cpu):
        pass


def test_the_cores_of_others_are_all_busy_ones_less_our_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stat, seconds = tmp_path / "stat", [100.0, 110.0]
    monkeypatch.setattr(OtherWork, "STAT", stat)
    monkeypatch.setattr(machine.os, "sysconf", lambda name: 100)
    monkeypatch.setattr(machine.time, "perf_counter", lambda: seconds.pop(0))
    own = [(2.0, 0.0, 0.0, 0.0, 0.0), (9.0, 0.5, 0.0, 0.5, 0.0)]
    names = ("user", "system", "children_user", "children_system", "elapsed")
    monkeypatch.setattr(
        machine.os, "times", lambda: SimpleNamespace(**dict(zip(names, own.pop(0), strict=True)))
    )
    stat.write_text("cpu 1000 0 500 9999 77 0 0 0 0 0\ncpu0 1 2 3\n")
    others = OtherWork()
    stat.write_text("cpu 2000 200 800 9999 88 0 0 0 0 0\ncpu0 1 2 3\n")
    assert others.cores() == pytest.approx((15 - 8) / 10)


def test_a_system_that_does_not_tell_is_not_busy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(OtherWork, "STAT", tmp_path / "none")
    assert OtherWork().cores() is None
    assert not is_busy(None)
    assert is_busy(64.0)


def test_a_device_is_described_alike_by_a_process_of_its_own() -> None:
    here, apart = describe_apart("cpu"), describe_apart("cpu:0")
    assert here == provenance.device()
    assert apart | {"threads": None} == here | {"threads": None}


@pytest.mark.parametrize("device", ["cuda:99", "toaster"])
def test_a_device_that_is_not_there_is_the_users_error(device: str) -> None:
    with pytest.raises(FoundryError, match=f"--device: {device} cannot be used: "):
        describe_apart(device)
