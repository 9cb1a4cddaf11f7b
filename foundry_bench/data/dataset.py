"""A dataset: labelled point clouds in memory (or memory-mapped) and their splits.

Legend: N clouds, P points a cloud (in `part_mask`: parts), B chosen clouds, L classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from foundry_bench.errors import FoundryError

Rows = NDArray[np.int64]

PARTS_CHUNK = 1024
"""Clouds whose parts are counted together."""


@dataclass(frozen=True, eq=False)
class Fold:
    """One few-shot problem: few clouds of few classes.

    Attributes:
        train: rows of the dataset to learn from, all of the split `train`.
        test: rows to answer for, all of the split `test`.
        classes: the fold's classes as labels of the dataset; a class's place is its label here.
    """

    train: Rows
    test: Rows
    classes: tuple[int, ...]

    def labels(self, labels_B: NDArray[np.int64]) -> NDArray[np.int64]:
        """Labels of the dataset as those of the fold, 0 to `len(classes)` - 1.

        Raises:
            ValueError: for a label that is not among `classes`.
        """
        places = {label: place for place, label in enumerate(self.classes)}
        if foreign := sorted(set(labels_B.tolist()) - set(places)):
            raise ValueError(f"labels {foreign[:5]} are not among the fold's {self.classes}")
        return np.array([places[label] for label in labels_B.tolist()], np.int64)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Clouds in the unit sphere, up axis y; the first points of a cloud are a fair subsample.

    Attributes:
        points_NP3: float32, centred on the mean, farthest point at distance 1; may be read-only.
        labels_N: int64, index into `class_names`; -1 where there is none.
        splits: at least `train` and `test`, whose clouds all have labels; `unlabelled` clouds may
            be learned from without labels. Rows of no split are not used.
        fingerprint: of the content and of all settings that shaped it.
        parts_NP: int16, index into `part_names`; -1 where there is none.
        folds: few-shot problems that come with the dataset.
    """

    name: str
    points_NP3: NDArray[np.float32]
    labels_N: NDArray[np.int64]
    class_names: tuple[str, ...]
    splits: Mapping[str, Rows]
    fingerprint: str
    parts_NP: NDArray[np.int16] | None = None
    part_names: tuple[str, ...] = ()
    folds: tuple[Fold, ...] = ()

    def __post_init__(self) -> None:
        """Refuse names that occur twice, and arrays that do not belong together.

        Raises:
            FoundryError: if two classes or two parts have one name.
            ValueError: for what only a faulty loader makes.
        """
        _refuse_twins(self.name, "classes", self.class_names)
        _refuse_twins(self.name, "parts", self.part_names)
        if missing := {"train", "test"} - set(self.splits):
            raise ValueError(f"{self.name} lacks the split {' and '.join(sorted(missing))}")
        if self.labels_N.shape != self.points_NP3.shape[:1]:
            raise ValueError(
                f"{self.name} has {len(self.points_NP3)} clouds, {self.labels_N.shape} labels"
            )
        if self.parts_NP is not None and self.parts_NP.shape != self.points_NP3.shape[:2]:
            raise ValueError(
                f"{self.name} has {self.points_NP3.shape} points, {self.parts_NP.shape} parts"
            )
        if shared := np.intersect1d(self.pool, self.splits["test"]).tolist():
            raise ValueError(f"{self.name} has test clouds among those to learn from: {shared[:5]}")
        for number, fold in enumerate(self.folds):
            for split, rows in (("train", fold.train), ("test", fold.test)):
                if foreign := np.setdiff1d(rows, self.splits[split]).tolist():
                    raise ValueError(
                        f"fold {number} of {self.name} takes rows {foreign[:5]} for {split}, "
                        "which are not of that split"
                    )
                fold.labels(self.labels_N[rows])

    @cached_property
    def pool(self) -> Rows:
        """Rows that may be pre-trained and distilled on: train and unlabelled, never test."""
        parts = [self.splits[name] for name in ("train", "unlabelled") if name in self.splits]
        return np.concatenate(parts)

    def part_mask(self, *splits: str) -> NDArray[np.bool_]:
        """mask_LP: which parts belong to which class, as its labelled clouds in `splits` have them,
        at any of their points. All False without parts.
        """
        num_classes, num_parts = len(self.class_names), len(self.part_names)
        counts = np.zeros(num_classes * num_parts, np.int64)
        rows = np.concatenate([self.splits[split] for split in splits])
        if self.parts_NP is None:
            return counts.astype(np.bool_).reshape(num_classes, num_parts)
        for start in range(0, len(rows), PARTS_CHUNK):
            chunk = rows[start : start + PARTS_CHUNK]
            parts_BP = self.parts_NP[chunk].astype(np.int64)
            cell_BP = self.labels_N[chunk, None] * num_parts + parts_BP
            counts += np.bincount(cell_BP[parts_BP >= 0], minlength=len(counts))
        return (counts > 0).reshape(num_classes, num_parts)


def _refuse_twins(dataset: str, what: str, names: tuple[str, ...]) -> None:
    """Metrics and manifests are keyed by name: two of one name would become one."""
    first: dict[str, int] = {}
    for index, name in enumerate(names):
        if name in first:
            raise FoundryError(
                f"'{dataset}': {what} {first[name]} and {index} are both named '{name}'; "
                "give each a name of its own"
            )
        first[name] = index


def subsample(dataset: Dataset, rows: Rows, num_points: int) -> NDArray[np.float32]:
    """points_BP3 of the clouds `rows`: the first `num_points` of each, always the same; a copy.

    Raises:
        FoundryError: if the clouds have fewer points.
    """
    available = dataset.points_NP3.shape[1]
    if not 1 <= num_points <= available:
        raise FoundryError(
            f"{num_points} points a cloud are needed, those of '{dataset.name}' have {available}"
        )
    return np.ascontiguousarray(dataset.points_NP3[rows, :num_points], dtype=np.float32)
