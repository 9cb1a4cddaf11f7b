"""Drawn few-shot folds."""

import hashlib

import numpy as np
import pytest

from foundry_bench.data.dataset import Dataset, Fold
from foundry_bench.data.folds import draw_folds
from foundry_bench.errors import FoundryError

DIGEST = "9ac566c18ad30924"


def dataset(classes: int = 12, train: int = 15, test: int = 9) -> Dataset:
    """Class number l has l more train clouds than `train`; classes alternate."""
    labels_N = np.concatenate(
        [
            np.repeat(np.arange(classes), train + np.arange(classes)),
            np.tile(np.arange(classes), test),
        ]
    )
    num_train = len(labels_N) - classes * test
    order = np.arange(len(labels_N)) * 7 % num_train
    labels_N[:num_train] = labels_N[np.argsort(order[:num_train], kind="stable")]
    return Dataset(
        name="many",
        points_NP3=np.zeros((len(labels_N), 4, 3), np.float32),
        labels_N=labels_N,
        class_names=tuple(f"class {label}" for label in range(classes)),
        splits={"train": np.arange(num_train), "test": np.arange(num_train, len(labels_N))},
        fingerprint="f",
    )


def rows(folds: tuple[Fold, ...]) -> list[list[list[int]]]:
    return [[fold.train.tolist(), fold.test.tolist(), list(fold.classes)] for fold in folds]


def test_folds_have_their_shots_and_queries() -> None:
    given = dataset()
    folds = draw_folds(given, way=5, shot=10, queries=4)
    assert len(folds) == 10
    for fold in folds:
        assert len(set(fold.classes)) == 5
        assert len(set(fold.train.tolist())) == 50
        assert set(fold.train.tolist()) <= set(given.splits["train"].tolist())
        assert set(fold.test.tolist()) <= set(given.splits["test"].tolist())
        for split, num in ((fold.train, 10), (fold.test, 4)):
            assert np.bincount(fold.labels(given.labels_N[split])).tolist() == [num] * 5
    assert len({tuple(fold.classes) for fold in folds}) > 5


def test_few_queries_are_all_taken() -> None:
    (fold,) = draw_folds(dataset(test=3), way=5, shot=10, num_folds=1)
    assert len(fold.test) == 15


def test_folds_are_these_for_ever() -> None:
    text = repr(rows(draw_folds(dataset(), way=5, shot=10)))
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == DIGEST


def test_a_fold_depends_on_the_seed_and_not_on_how_many_there_are() -> None:
    first = rows(draw_folds(dataset(), way=5, shot=10, num_folds=2))
    assert rows(draw_folds(dataset(), way=5, shot=10, num_folds=10))[:2] == first
    assert rows(draw_folds(dataset(), way=5, shot=10, num_folds=2, seed=1)) != first


def test_only_classes_with_enough_train_clouds_are_drawn() -> None:
    for fold in draw_folds(dataset(), way=5, shot=20):
        assert min(fold.classes) >= 5


def test_too_few_classes_are_an_error_with_the_numbers() -> None:
    with pytest.raises(
        FoundryError,
        match=r"'many' has 4 classes with at least 23 train clouds .* 5 are needed; "
        r"its 12 classes have 15 to 26",
    ):
        draw_folds(dataset(), way=5, shot=23)
