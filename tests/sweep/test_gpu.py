"""A worker's look at its GPU, with a fake GPU."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from foundry_bench.sweep import gpu
from foundry_bench.sweep.gpu import await_memory, grow_segments, measuring, utilisation

GIB = 2**30


class Memory:
    """Of 80 GiB these are free, one after the other."""

    def __init__(self, *free: int) -> None:
        self._free: Iterator[int] = iter(free)
        self.last = free[-1]

    def __call__(self) -> tuple[int, int]:
        return next(self._free, self.last) * GIB, 80 * GIB


def test_a_group_waits_until_its_share_of_the_memory_is_back() -> None:
    waited: list[float] = []
    assert await_memory(0.5, Memory(10, 20, 39), sleep=waited.append)
    assert len(waited) == 2


def test_a_group_does_not_wait_for_more_than_its_share() -> None:
    waited: list[float] = []
    assert await_memory(0.25, Memory(20), sleep=waited.append)
    assert waited == []


def test_a_group_does_not_wait_for_ever() -> None:
    waited: list[float] = []
    assert not await_memory(1.0, Memory(60), limit_s=10, sleep=waited.append)
    assert 10 <= sum(waited) <= 12


@pytest.mark.parametrize("name", ["PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF"])
def test_segments_grow_unless_the_user_says_otherwise(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = {name: "max_split_size_mb:64"}
    monkeypatch.setattr(gpu.os, "environ", mine)
    grow_segments()
    assert mine == {name: "max_split_size_mb:64"}
    monkeypatch.setattr(gpu.os, "environ", untouched := dict[str, str]())
    grow_segments()
    assert untouched == {"PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True"}


@pytest.fixture
def _gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of 80 GiB, of which torch has 2 now and had 5, and the context has 1."""
    fake = {
        "is_available": lambda: True,
        "is_initialized": lambda: True,
        "mem_get_info": lambda: (77 * GIB, 80 * GIB),
        "memory_reserved": lambda: 2 * GIB,
        "max_memory_reserved": lambda: 5 * GIB,
    }
    monkeypatch.setattr(torch, "cuda", SimpleNamespace(**fake))
    monkeypatch.setattr(gpu, "SAMPLE_EVERY_S", 0.01)


@pytest.mark.usefixtures("_gpu")
def test_a_measure_is_the_peak_with_the_context_and_the_mean_of_the_samples(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import threading

    samples, is_over = iter([0.2, 0.4]), threading.Event()

    def sample() -> float | None:
        found = next(samples, None)
        if found is None:
            is_over.set()
        return found

    monkeypatch.setattr(gpu, "utilisation", sample)
    with measuring() as meter:
        assert is_over.wait(10)
    assert meter.usage is not None
    assert meter.usage.peak_mib == 6 * 1024
    assert meter.usage.total_mib == 80 * 1024
    assert meter.usage.utilisation == pytest.approx(0.3)


def test_without_a_gpu_nothing_is_measured() -> None:
    with measuring() as meter:
        pass
    assert meter.usage is None


def test_the_utilisation_is_that_of_the_workers_own_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text('#!/bin/sh\n[ "$2" = 3 ] && echo 45 || echo "[N/A]"\n')
    tool.chmod(0o755)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert utilisation() == 0.45
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert utilisation() is None
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert utilisation() is None
