"""One's own shapes: any .npz with points, labels and splits."""

from pathlib import Path
from typing import Literal, Self

import numpy as np
from pydantic import Field

from foundry_bench.config.paths import user_path
from foundry_bench.data.archive_columns import (
    COARSE,
    Labels,
    chosen_splits,
    limited,
    num_coarse,
    num_not_normalised,
    read_labels,
    read_points,
    texts,
)
from foundry_bench.data.check import Finding, inspect
from foundry_bench.data.dataset import Dataset, Rows
from foundry_bench.data.loader import DatasetLoader, DataSettings, digest
from foundry_bench.data.npz import Array, Columns, open_npz
from foundry_bench.errors import FoundryError
from foundry_bench.files import file_digest

LOADER_VERSION = 1
LIMIT_VERSION = 2
"""Raised when the same file and settings give another dataset."""
SMOKE_CLOUDS = 16
TWIN_DISTANCE = 0.022
"""Chamfer distance to the nearest train shape below which a test shape counts as a near twin."""


class ArchiveSettings(DataSettings):
    """Which file, and which of its keys."""

    name: str = "archive"
    path: str
    """An .npz file; `~` is your home."""
    points: str = "points"
    """Key of the clouds (N, P, 3), of any number type."""
    label: str = "label"
    """Key of the classes: integers with -1 for none, or text with '' for none."""
    split: str | None = "split"
    """Key of 'train', 'test' or '' (none); null: a seeded split inside each class."""
    test_share: float = Field(0.3, gt=0, lt=1)
    """With `split: null`, the share of each class that is test."""
    class_names: str | None = None
    """Key of the classes' names; null: `<label>_classes`, or `classes` for `label`, if there."""
    part: str | None = None
    """Key of the points' parts (N, P): integers with -1 for none."""
    part_names: str = "part_names"
    """Key of the parts' names."""
    chamfer: str | None = None
    """Key of the distance to the nearest train shape; test shapes below 0.022 are left out."""
    up: Literal["x", "y", "z"] = "y"
    """The file's up axis; clouds are turned so that it is y."""
    open_set: bool = False
    """Test may have classes that train has not: for retrieval, which trains nothing."""
    limit: int | None = Field(None, ge=1)
    """Largest number of clouds a split, for trying things out; as even over classes as can be."""

    def smoke(self) -> Self:
        """A few clouds of each split."""
        return self.model_copy(update={"limit": min(SMOKE_CLOUDS, self.limit or SMOKE_CLOUDS)})


class Archive(DatasetLoader):
    """Reads one .npz file; the clouds are normalised, the classes are those of the train split
    (with `open_set`, of the test split too).

    Points are put in one fixed random order, since files may store them along a curve (Morton
    order), where a prefix would be a corner of the shape.
    """

    Settings = ArchiveSettings
    settings: ArchiveSettings

    @property
    def path(self) -> Path:
        """The file."""
        return user_path(self.settings.path)

    def fingerprint(self) -> str:
        """Of the file's bytes and the settings, not of its place."""
        if not self.path.is_file():
            raise FoundryError(f"{self.path} is no file; expected an .npz (data.path)")
        content = file_digest(self.path)
        kept = self.settings.model_dump(exclude={"path", "limit", "open_set"})
        if self.settings.limit:
            kept["limit"] = [LIMIT_VERSION, self.settings.limit]
        if self.settings.open_set:
            kept["open_set"] = True
        return digest("archive", LOADER_VERSION, content, kept)

    def num_points(self) -> int | None:
        """As the header of the points' array says."""
        with open_npz(self.path) as columns:
            shape = columns.shape(self.settings.points)
        return shape[1] if shape is not None and len(shape) == 3 else None

    def has_parts(self) -> bool:
        """Whether `part` names a key."""
        return self.settings.part is not None

    @property
    def expected(self) -> str:
        """The file."""
        return str(self.path)

    def read(self) -> Dataset:
        """Read, check and normalise; see `FoundryError`s for what is refused."""
        with open_npz(self.path) as columns:
            points_NP3 = read_points(columns, self.settings.points, self.settings.up)
            num_clouds, num_points, _ = points_NP3.shape
            labels = read_labels(
                columns, self.settings.label, self.settings.class_names, num_clouds
            )
            splits = self._splits(columns, labels)
            parts_NP, part_names = self._parts(columns, (num_clouds, num_points))
        kept = labels.of_splits(self.path, splits, open_set=self.settings.open_set)
        mixed = np.random.default_rng(0).permutation(num_points)
        return Dataset(
            name=self.settings.name,
            points_NP3=points_NP3[:, mixed],
            labels_N=kept.labels_N,
            class_names=kept.names,
            splits=splits,
            fingerprint=self.fingerprint(),
            parts_NP=None if parts_NP is None else parts_NP[:, mixed].astype(np.int16),
            part_names=part_names,
        )

    def check(self, dataset: Dataset) -> list[Finding]:
        """The keys of the file, what loading repaired, the general findings, and near twins."""
        with open_npz(self.path) as columns:
            points_NP3 = columns[self.settings.points]
            off, coarse = num_not_normalised(points_NP3), num_coarse(points_NP3)
            twins = [self._twins(columns, dataset, key) for key in columns.keys if "chamfer" in key]
            keys = Finding("keys of the file", ", ".join(columns.keys))
        repaired = Finding("clouds normalised on loading", f"{off:,}")
        share = f"{coarse:,} of {len(points_NP3):,} clouds ({points_NP3.dtype})"
        advice = "; subtract an offset before saving, or save float64" if coarse else ""
        rounded = Finding(f"coordinate steps above {COARSE:.1%} of the radius", share + advice)
        found_twins = (finding for finding in twins if finding is not None)
        general = inspect(dataset, open_set=self.settings.open_set)
        return [keys, repaired, rounded, *general, *found_twins]

    def _splits(self, columns: Columns, labels: Labels) -> dict[str, Rows]:
        splits = chosen_splits(columns, self.settings.split, labels, self.settings.test_share)
        if self.settings.chamfer is not None:
            distance_N = columns[self.settings.chamfer]
            if distance_N.shape != labels.labels_N.shape or distance_N.dtype.kind != "f":
                raise FoundryError(
                    f"{self.path}: '{self.settings.chamfer}' is {distance_N.shape} of "
                    f"{distance_N.dtype}; expected one distance a cloud"
                )
            test = splits["test"]
            splits["test"] = test[~(distance_N[test] < TWIN_DISTANCE)]
        for name in ("train", "test"):
            if not len(splits[name]):
                raise FoundryError(f"{self.path}: no labelled cloud is in the {name} split")
        if self.settings.limit is None:
            return splits
        return limited(
            splits, labels.labels_N, self.settings.limit, open_set=self.settings.open_set
        )

    def _parts(
        self, columns: Columns, shape: tuple[int, int]
    ) -> tuple[Array | None, tuple[str, ...]]:
        if self.settings.part is None:
            return None, ()
        key = self.settings.part
        names_key = self.settings.part_names
        given = texts(self.path, names_key, np.atleast_1d(columns[names_key]))
        parts_NP, names = columns[key], tuple(map(str, given))
        if parts_NP.shape != shape or parts_NP.dtype.kind not in "iu":
            raise FoundryError(
                f"{self.path}: '{key}' is {parts_NP.shape} of {parts_NP.dtype}; "
                f"expected integers {shape}"
            )
        wrong = np.flatnonzero(((parts_NP.astype(np.int64) < -1) | (parts_NP >= len(names))).any(1))
        if len(wrong):
            raise FoundryError(
                f"{self.path}: row {wrong[0]} of '{key}' has a part outside -1 to "
                f"{len(names) - 1}, the range of '{self.settings.part_names}'"
            )
        return parts_NP, names

    def _twins(self, columns: Columns, dataset: Dataset, key: str) -> Finding | None:
        belongs = key.removesuffix("train_chamfer") == (self.settings.split or "").removesuffix(
            "split"
        )
        if not belongs:
            return None
        try:
            distance_N = columns[key]
        except FoundryError as error:  # a column that nothing else reads is no reason to stop
            return Finding(f"'{key}' is not read", str(error))
        if distance_N.shape != dataset.labels_N.shape or distance_N.dtype.kind not in "fiu":
            return None
        num_twins = int((distance_N[dataset.splits["test"]] < TWIN_DISTANCE).sum())
        advice = f"; leave them out with chamfer={key}" if num_twins else ""
        return Finding("test clouds with a near twin in train", f"{num_twins}{advice}", "0")
