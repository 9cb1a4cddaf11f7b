"""Few-shot folds drawn from the splits of a dataset, where the published ones are absent."""

import numpy as np

from foundry_bench.data.check import class_counts
from foundry_bench.data.dataset import Dataset, Fold, Rows
from foundry_bench.data.orders import shuffled
from foundry_bench.errors import FoundryError

CLASSES, SUPPORT, QUERIES = range(3)
"""What an order is drawn for."""


def draw_folds(
    dataset: Dataset, way: int, shot: int, num_folds: int = 10, queries: int = 20, seed: int = 0
) -> tuple[Fold, ...]:
    """`num_folds` folds of `way` classes, each with `shot` clouds to train on and at most `queries`
    to test on.

    Trained on are clouds of the split `train`, tested on those of `test`. The classes are drawn
    from those that have `shot` train clouds and a test cloud. The same arguments and labels give
    the same folds with every version of numpy; a fold does not depend on how many there are.

    Raises:
        FoundryError: if fewer than `way` classes have clouds enough.
    """
    counts = class_counts(dataset, "train")
    able = np.flatnonzero((counts >= shot) & (class_counts(dataset, "test") > 0))
    if len(able) < way:
        raise FoundryError(
            f"'{dataset.name}' has {len(able)} classes with at least {shot} train clouds and a "
            f"test cloud, {way} are needed; its {len(counts)} classes have "
            f"{min(counts, default=0)} to {max(counts, default=0)} train clouds: take fewer shots, "
            "or fewer ways"
        )
    return tuple(
        _fold(dataset, able, (way, shot, queries), (seed, number)) for number in range(num_folds)
    )


def _fold(dataset: Dataset, able: Rows, sizes: tuple[int, int, int], key: tuple[int, int]) -> Fold:
    way, shot, queries = sizes
    classes = able[shuffled(len(able), *key, CLASSES)[:way]].tolist()
    train = [_some(dataset, "train", label, shot, (*key, SUPPORT)) for label in classes]
    test = [_some(dataset, "test", label, queries, (*key, QUERIES)) for label in classes]
    return Fold(np.concatenate(train), np.concatenate(test), tuple(classes))


def _some(dataset: Dataset, split: str, label: int, most: int, key: tuple[int, ...]) -> Rows:
    rows = dataset.splits[split]
    own = rows[dataset.labels_N[rows] == label]
    some: Rows = own[shuffled(len(own), *key, label)[:most]]
    return some
