"""Datasets, their cache and subsamples."""

import multiprocessing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foundry_bench.data.cache import cached
from foundry_bench.data.dataset import Dataset, subsample
from foundry_bench.errors import FoundryError
from tests.data.small import read_slowly, small


def test_the_pool_is_train_and_unlabelled() -> None:
    assert small().pool.tolist() == [0, 1, 5]
    assert small(splits={"train": np.array([4]), "test": np.array([2])}).pool.tolist() == [4]


def test_a_subsample_is_a_writable_copy_of_the_first_points() -> None:
    dataset = small()
    dataset.points_NP3.flags.writeable = False
    points_BP3 = subsample(dataset, np.array([4, 1]), 7)
    assert np.array_equal(points_BP3, dataset.points_NP3[[4, 1], :7])
    assert points_BP3.flags.writeable
    with pytest.raises(
        FoundryError, match="11 points a cloud are needed, those of 'small' have 10"
    ):
        subsample(dataset, np.array([0]), 11)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"splits": {"train": np.array([0])}}, "lacks the split test"),
        ({"splits": {"train": np.array([0, 2]), "test": np.array([2])}}, r"test clouds .*\[2\]"),
        ({"labels_N": np.zeros(5, np.int64)}, "6 clouds"),
        ({"parts_NP": np.zeros((6, 9), np.int16)}, "parts"),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(changes: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small(**changes)


def test_a_cached_dataset_comes_back_whole_and_memory_mapped(tmp_path: Path) -> None:
    first = cached(tmp_path / "cache", "f", small)
    second = cached(tmp_path / "cache", "f", lambda: pytest.fail("read again"))
    for dataset in (first, second):
        assert isinstance(dataset.points_NP3, np.memmap)
        assert np.array_equal(dataset.points_NP3, small().points_NP3)
        assert np.array_equal(dataset.labels_N, small().labels_N)
        assert {name: rows.tolist() for name, rows in dataset.splits.items()} == {
            name: rows.tolist() for name, rows in small().splits.items()
        }
        assert (dataset.class_names, dataset.part_names) == (("ant", "bee"), ("leg",))
        assert dataset.fingerprint == "f"
    without = cached(tmp_path / "cache", "g", lambda: small(parts_NP=None, part_names=()))
    assert without.parts_NP is None


def test_nothing_is_left_of_a_dataset_that_could_not_be_read(tmp_path: Path) -> None:
    def fail() -> Dataset:
        raise FoundryError("no such thing")

    with pytest.raises(FoundryError, match="no such thing"):
        cached(tmp_path, "f", fail)
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []
    assert len(cached(tmp_path, "f", small).points_NP3) == 6


def test_a_damaged_cache_is_one_error(tmp_path: Path) -> None:
    cached(tmp_path, "f", small)
    (tmp_path / "f" / "points.npy").write_bytes(b"")
    with pytest.raises(FoundryError, match=r"cannot be read .* delete that folder"):
        cached(tmp_path, "f", small)


def test_processes_that_ask_at_once_read_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    calls = tmp_path / "calls"
    calls.mkdir()
    barrier = context.Barrier(3)
    arguments = (tmp_path / "cache", calls, barrier)
    processes = [context.Process(target=read_slowly, args=arguments) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len(list(calls.iterdir())) == 1
