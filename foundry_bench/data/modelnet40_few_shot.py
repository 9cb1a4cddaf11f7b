"""Few-shot folds of ModelNet40 as Point-BERT publishes them."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field

from foundry_bench.config.settings import later
from foundry_bench.data.check import Finding, compare, inspect
from foundry_bench.data.cloud import Cloud
from foundry_bench.data.dataset import Dataset, Fold, Rows
from foundry_bench.data.listing import Listing
from foundry_bench.data.modelnet40_dat import class_label, without_normals
from foundry_bench.data.modelnet40_names import NAMES
from foundry_bench.data.pickles import read_pickle
from foundry_bench.data.publication import Publication
from foundry_bench.data.published import Published, PublishedSettings
from foundry_bench.errors import FoundryError

QUERIES = 20
"""Test clouds of a class in a fold."""
SPLITS = ("train", "test")


class ModelNet40FewShotSettings(PublishedSettings):
    """One of the four published few-shot problems of ModelNet40."""

    name: str = "modelnet40_few_shot"
    way: Literal[5, 10] = 5
    """Classes a fold."""
    shot: Literal[10, 20] = 10
    """Train clouds of each class of a fold."""
    folds: int = Field(10, ge=1, le=10)
    """How many of the ten folds, from the first."""

    limit: int | None = later(None, ge=1)
    """Largest number of clouds of each class in a split of a fold, for trying things out; `shot` of
    the task is then no more.
    """

    def smoke(self) -> Self:
        """One fold of one cloud a class."""
        return self.model_copy(update={"folds": 1, "limit": 1})


class ModelNet40FewShot(Published):
    """All clouds of all folds, each fold's own: a model of ModelNet40 may occur in several folds.

    The classes are those of the folds, in ModelNet40's order. Points are in the order of
    farthest-point sampling (8,192 of them), as the files they were made from; normals are left out.
    """

    Settings = ModelNet40FewShotSettings
    settings: ModelNet40FewShotSettings
    publications = (
        Publication(
            folders=("ModelNetFewshot",),
            files="{5,10}way_{10,20}shot/{0,...,9}.pkl",
            counts={},
            num_classes=40,
            terms="as ModelNet40's: for academic research only",
            source="Point-BERT's authors (DATASET.md of their repository)",
        ),
    )

    def folds_of(self) -> tuple[int, int]:
        """As asked for."""
        return self.settings.way, self.settings.shot

    @property
    def keeps_order(self) -> bool:
        """That of farthest-point sampling."""
        return True

    def files(self) -> list[str]:
        """One for each fold."""
        folder = f"{self.settings.way}way_{self.settings.shot}shot"
        return [f"{folder}/{number}.pkl" for number in range(self.settings.folds)]

    def listing(self) -> Listing:
        """Clouds of all folds: train clouds of the first, of the second ..., then test clouds."""
        content = [self._content(name) for name in self.files()]
        clouds: list[tuple[str, Any]] = []
        keys: list[int] = []
        rows: dict[str, list[Rows]] = {}
        for split in SPLITS:
            for name, of_fold in zip(self.files(), content, strict=True):
                first = len(clouds)
                for row, (points, _, key) in enumerate(of_fold[split]):
                    clouds.append((f"{self.folder / name}: row {row} of '{split}'", points))
                    keys.append(key)
                rows.setdefault(split, []).append(np.arange(first, len(clouds)))
        present = sorted(set(keys))
        folds = tuple(
            Fold(train, test, tuple(present.index(key) for key in _classes(of_fold["train"])))
            for train, test, of_fold in zip(rows["train"], rows["test"], content, strict=True)
        )

        def read(chosen: Rows) -> Iterator[Cloud]:
            for row in chosen.tolist():
                where, points = clouds[row]
                yield Cloud(where, without_normals(points))

        return Listing(
            labels_N=np.array([present.index(key) for key in keys], np.int64),
            num_train=sum(map(len, rows["train"])),
            class_names=tuple(NAMES[key] for key in present),
            read=read,
            folds=folds,
        )

    def check(self, dataset: Dataset) -> list[Finding]:
        """Folds, ways, shots and queries, then the general findings."""
        way, shot = self.settings.way, self.settings.shot
        findings = [compare("folds", len(dataset.folds), 10)]
        for number, fold in enumerate(dataset.folds):
            findings += [
                compare(f"fold {number}: classes", len(fold.classes), way),
                compare(f"fold {number}: train clouds", len(fold.train), way * shot),
                compare(f"fold {number}: test clouds", len(fold.test), way * QUERIES),
            ]
        return [*findings, *inspect(dataset)]

    def _content(self, name: str) -> dict[str, list[tuple[Any, int, int]]]:
        """`train` and `test`: clouds, their labels in the fold, and in ModelNet40."""
        path = self.existing(name)
        content = read_pickle(path)
        if not isinstance(content, dict) or not all(
            isinstance(content.get(split), list) for split in SPLITS
        ):
            raise FoundryError(f"{path} holds no dictionary with the lists 'train' and 'test'")
        checked: dict[str, list[tuple[Any, int, int]]] = {}
        for split in SPLITS:
            checked[split] = []
            for row, item in enumerate(content[split]):
                where = f"{path}: row {row} of '{split}'"
                if not isinstance(item, list | tuple) or len(item) != 3:
                    raise FoundryError(f"{where} is no triple (cloud, label, class of ModelNet40)")
                points, label, key = item
                checked[split].append((points, class_label(where, label), class_label(where, key)))
        classes = _classes(checked["train"])
        for split in SPLITS:
            for row, (_, label, key) in enumerate(checked[split]):
                if label >= len(classes) or classes[label] != key:
                    raise FoundryError(
                        f"{path}: row {row} of '{split}' has label {label} and class {key}; in "
                        f"this fold's train clouds the classes of the labels are {classes}"
                    )
        limit = self.settings.limit
        if limit is None:
            return checked
        return {split: _first(rows, limit) for split, rows in checked.items()}


def _first(rows: list[tuple[Any, int, int]], num: int) -> list[tuple[Any, int, int]]:
    """The first `num` rows of each label, in their order."""
    seen: Counter[int] = Counter()
    few = []
    for row in rows:
        seen[row[1]] += 1
        if seen[row[1]] <= num:
            few.append(row)
    return few


def _classes(train: list[tuple[Any, int, int]]) -> list[int]:
    """ModelNet40's class of each label of the fold, as the train clouds have it."""
    by_label = {label: key for _, label, key in train}
    return [by_label.get(label, -1) for label in range(max(by_label, default=-1) + 1)]
