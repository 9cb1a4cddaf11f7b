"""Datasets, their cache and subsamples."""

import json
import multiprocessing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foundry_bench.data.cache import Allocate, cached
from foundry_bench.data.dataset import Dataset, Fold, subsample
from foundry_bench.errors import FoundryError
from tests.data.small import read_slowly, read_small, small


def fold(**changes: Any) -> Fold:
    """Both classes of `small()`, the second one first."""
    values = {"train": np.array([0, 1]), "test": np.array([3, 2]), "classes": (1, 0)}
    return Fold(**(values | changes))


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
        ({"folds": (fold(train=np.array([2])),)}, r"fold 0 of small takes rows \[2\] for train"),
        (
            {"folds": (fold(), fold(test=np.array([0])))},
            r"fold 1 of small takes rows \[0\] for test",
        ),
        ({"folds": (fold(classes=(0, 2)),)}, r"labels \[1\] are not among"),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(changes: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small(**changes)


def test_a_cached_dataset_comes_back_whole_and_memory_mapped(tmp_path: Path) -> None:
    first = cached(tmp_path / "cache", "f", read_small)
    second = cached(tmp_path / "cache", "f", lambda _: pytest.fail("read again"))
    for dataset in (first, second):
        assert isinstance(dataset.points_NP3, np.memmap)
        assert np.array_equal(dataset.points_NP3, small().points_NP3)
        assert np.array_equal(dataset.labels_N, small().labels_N)
        assert {name: rows.tolist() for name, rows in dataset.splits.items()} == {
            name: rows.tolist() for name, rows in small().splits.items()
        }
        assert (dataset.class_names, dataset.part_names) == (("ant", "bee"), ("leg",))
        assert dataset.fingerprint == "f"
    without = cached(tmp_path / "cache", "g", lambda _: small(parts_NP=None, part_names=()))
    assert without.parts_NP is None


def test_a_cached_dataset_keeps_its_folds(tmp_path: Path) -> None:
    for _ in range(2):
        dataset = cached(tmp_path, "f", lambda _: small(folds=(fold(), fold(test=np.array([2])))))
        assert [kept.classes for kept in dataset.folds] == [(1, 0), (1, 0)]
        assert [kept.train.tolist() for kept in dataset.folds] == [[0, 1], [0, 1]]
        assert [kept.test.tolist() for kept in dataset.folds] == [[3, 2], [2]]
        assert dataset.folds[0].train.dtype == np.int64
    assert cached(tmp_path, "g", read_small).folds == ()


def test_a_cache_from_before_folds_is_read(tmp_path: Path) -> None:
    cached(tmp_path, "f", read_small)
    path = tmp_path / "f" / "dataset.json"
    description = json.loads(path.read_text())
    del description["folds"]
    path.write_text(json.dumps(description))
    assert cached(tmp_path, "f", read_small).folds == ()


def test_arrays_of_the_cache_are_filled_in_place(tmp_path: Path) -> None:
    def read(allocate: Allocate) -> Dataset:
        points_NP3 = allocate("points", (6, 10, 3), np.float32)
        assert list(tmp_path.glob(".*/points.npy"))
        points_NP3[:] = small().points_NP3
        parts_NP = allocate("parts", (6, 10), np.int16)
        parts_NP[:] = 0
        parts_NP[3] = -1
        return small(points_NP3=points_NP3, parts_NP=parts_NP)

    dataset = cached(tmp_path, "f", read)
    assert np.array_equal(dataset.points_NP3, small().points_NP3)
    assert dataset.parts_NP is not None
    assert dataset.parts_NP[:, 0].tolist() == [0, 0, 0, -1, 0, 0]


@pytest.mark.usefixtures("full_disk")
@pytest.mark.parametrize("in_place", [True, False])
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, in_place: bool) -> None:
    def read(allocate: Allocate) -> Dataset:
        return small(points_NP3=allocate("points", (6, 10, 3), np.float32)) if in_place else small()

    with pytest.raises(FoundryError, match=r"points\.npy takes"):
        cached(tmp_path, "f", read)
    assert not list(tmp_path.glob("*/*"))


def test_a_fold_counts_its_classes_from_0() -> None:
    assert fold().labels(np.array([0, 1, 1])).tolist() == [1, 0, 0]
    with pytest.raises(ValueError, match=r"labels \[2\] are not among"):
        fold().labels(np.array([0, 2]))


def test_parts_belong_to_the_classes_of_labelled_clouds_that_have_them() -> None:
    parts_NP = np.full((6, 10), -1, np.int16)
    parts_NP[0, :2] = (0, 1)
    parts_NP[2, 5] = 1  # in test, as class 0
    parts_NP[3, 0] = 2
    parts_NP[5, 0] = 3  # without a label
    dataset = small(parts_NP=parts_NP, part_names=("a", "b", "c", "d"))
    assert dataset.part_mask("train", "test").tolist() == [
        [True, True, False, False],
        [False, False, True, False],
    ]
    assert dataset.part_mask("train").tolist() == [
        [True, True, False, False],
        [False, False, False, False],
    ]
    assert small(parts_NP=None, part_names=()).part_mask("train", "test").shape == (2, 0)


def test_nothing_is_left_of_a_dataset_that_could_not_be_read(tmp_path: Path) -> None:
    def fail(allocate: Allocate) -> Dataset:
        allocate("points", (6, 10, 3), np.float32)
        raise FoundryError("no such thing")

    with pytest.raises(FoundryError, match="no such thing"):
        cached(tmp_path, "f", fail)
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []
    assert len(cached(tmp_path, "f", read_small).points_NP3) == 6


def test_a_damaged_cache_is_one_error(tmp_path: Path) -> None:
    cached(tmp_path, "f", read_small)
    (tmp_path / "f" / "points.npy").write_bytes(b"")
    with pytest.raises(FoundryError, match=r"cannot be read .* delete that folder"):
        cached(tmp_path, "f", read_small)


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
