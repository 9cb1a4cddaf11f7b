"""Columns of an archive as clouds, labels and splits; every fault names its file, key and row.

Legend: N clouds, P points a cloud.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from foundry_bench.data.dataset import Rows
from foundry_bench.data.degenerate import collapsed
from foundry_bench.data.npz import Array, Columns
from foundry_bench.errors import FoundryError

CHUNK = 256
TO_Y_UP = {
    "x": np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]),
    "y": np.eye(3),
    "z": np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
}
"""Rotations that bring an axis to y."""
NO_SPLIT = ("", "none")
COARSE = 0.002
"""Step of the coordinates, of a cloud's radius, from which shapes are visibly rounded."""
HUGE = "values so large (for 'no data'?) that its other points coincide"


@dataclass(frozen=True)
class Labels:
    """Classes of clouds: indices into `names`, -1 for none."""

    labels_N: NDArray[np.int64]
    names: tuple[str, ...]

    def of_splits(self, path: Path, splits: dict[str, Rows], *, open_set: bool) -> "Labels":
        """Labels counted from 0 over the classes that train has; others become -1.

        With `open_set`, those that only test has are counted too.

        Raises:
            FoundryError: if test has a class that train has not, unless `open_set`.
        """
        known = ("train", "test") if open_set else ("train",)
        present = np.unique(np.concatenate([self.labels_N[splits[name]] for name in known]))
        for label in np.unique(self.labels_N[splits["test"]]).tolist():
            if label not in present:
                num = int((self.labels_N[splits["test"]] == label).sum())
                raise FoundryError(
                    f"{path}: class '{self.names[label]}' has {num} test clouds, none in train "
                    "(open_set allows that, for retrieval)"
                )
        renumbered = np.full(len(self.names) + 1, -1, np.int64)  # the last one is where -1 leads
        renumbered[present] = np.arange(len(present))
        return Labels(renumbered[self.labels_N], tuple(self.names[label] for label in present))


def read_points(columns: Columns, key: str, up: Literal["x", "y", "z"]) -> NDArray[np.float32]:
    """points_NP3: y up, centred on the mean, farthest point at distance 1."""
    given = columns[key]
    if given.ndim != 3 or given.shape[-1] != 3 or given.dtype.kind not in "fiu":
        swapped = "; the axes are swapped" if given.ndim == 3 and given.shape[1] == 3 else ""
        raise FoundryError(
            f"{columns.path}: '{key}' is {given.shape} of {given.dtype}; "
            f"expected numbers (clouds, points, 3){swapped}"
        )
    if not given.size:
        raise FoundryError(f"{columns.path}: '{key}' is empty: {given.shape}")
    points_NP3 = np.empty(given.shape, np.float32)
    faults: dict[str, list[int]] = {}
    for start in range(0, len(given), CHUNK):
        chunk = given[start : start + CHUNK].astype(np.float64)
        broken_B = ~np.isfinite(chunk).all(axis=(1, 2))
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            centred = chunk - chunk.mean(axis=1, keepdims=True)
            radius = np.linalg.norm(centred, axis=-1).max(axis=1)
            scaled = (centred @ TO_Y_UP[up].T / radius[:, None, None]).astype(np.float32)
        flat_B = ~broken_B & (radius == 0)
        usable = np.flatnonzero(~broken_B & ~flat_B)
        lost = usable[collapsed(chunk[usable], scaled[usable])]
        for what, rows in (
            ("NaN or infinity", np.flatnonzero(broken_B)),
            ("a single point", np.flatnonzero(flat_B)),
            (HUGE, lost),
        ):
            if len(rows):
                faults.setdefault(what, []).extend((start + rows).tolist())
        points_NP3[start : start + CHUNK] = scaled
    for what, found in faults.items():
        verb = "is" if what == "a single point" else "has"
        raise FoundryError(
            f"{columns.path}: row {found[0]} of '{key}' {verb} {what} "
            f"({len(found):,} of {len(given):,} clouds do); leave these clouds or points out"
        )
    return points_NP3


def num_coarse(points_NP3: Array) -> int:
    """Clouds whose number type has steps of more than `COARSE` of their radius."""
    if points_NP3.dtype.kind != "f":
        return 0
    num = 0
    for start in range(0, len(points_NP3), CHUNK):
        chunk = points_NP3[start : start + CHUNK]
        step = np.spacing(np.abs(chunk).max(axis=(1, 2))).astype(np.float64)
        centred = chunk.astype(np.float64)
        centred -= centred.mean(axis=1, keepdims=True)
        num += int((step > COARSE * np.linalg.norm(centred, axis=-1).max(axis=1)).sum())
    return num


def num_not_normalised(points_NP3: Array) -> int:
    """Clouds whose centre or radius is off by more than 0.01, as they stand in the file."""
    num = 0
    for start in range(0, len(points_NP3), CHUNK):
        chunk = points_NP3[start : start + CHUNK].astype(np.float64)
        offset = np.linalg.norm(chunk.mean(axis=1), axis=-1)
        radius = np.linalg.norm(chunk, axis=-1).max(axis=1)
        num += int(((offset > 0.01) | (np.abs(radius - 1) > 0.01)).sum())
    return num


def read_labels(columns: Columns, key: str, names_key: str | None, num_clouds: int) -> Labels:
    """The classes under `key`; names from `names_key`, or from the key that goes with `key`."""
    given = columns[key]
    if given.shape != (num_clouds,) or given.dtype.kind not in "iuUS":
        raise FoundryError(
            f"{columns.path}: '{key}' is {given.shape} of {given.dtype}; expected ({num_clouds},) "
            "integers (-1 for none) or text ('' for none)"
        )
    if given.dtype.kind in "US":
        texts_N = texts(columns.path, key, given)
        return _numbered(texts_N, texts_N != "")
    labels_N = given.astype(np.int64)
    names = _class_names(columns, key, names_key)
    wrong = np.flatnonzero((labels_N < -1) | (names is not None) & (labels_N >= len(names or ())))
    if len(wrong):
        expected = "-1 or more" if names is None else f"-1 to {len(names) - 1}"
        raise FoundryError(
            f"{columns.path}: row {wrong[0]} of '{key}' is {labels_N[wrong[0]]}; "
            f"expected {expected}"
        )
    return _numbered(labels_N, labels_N >= 0) if names is None else Labels(labels_N, names)


def chosen_splits(
    columns: Columns, key: str | None, labels: Labels, test_share: float
) -> dict[str, Rows]:
    """Rows of `train`, `test` and `unlabelled`, as the column `key` says or, without, drawn.

    Train and test take clouds with labels; clouds without one are `unlabelled` unless they are of
    the test split. Clouds with a label and without a split are of no use: nobody said what they
    are for.
    """
    has_label_N = labels.labels_N >= 0
    split_N = _drawn(labels, test_share) if key is None else _split_column(columns, key, labels)
    return {
        "train": np.flatnonzero((split_N == "train") & has_label_N),
        "test": np.flatnonzero((split_N == "test") & has_label_N),
        "unlabelled": np.flatnonzero((split_N != "test") & ~has_label_N),
    }


def limited(
    splits: dict[str, Rows],
    labels_N: NDArray[np.int64],
    num_clouds: int,
    *,
    open_set: bool = False,
) -> dict[str, Rows]:
    """At most `num_clouds` of each split, as even over classes as can be.

    Without `open_set`, test keeps to the classes that are left in train, as far as it has any. Four
    test clouds and more are pairs of a class, so that there is something to retrieve.
    """
    train = _even(splits["train"], labels_N, num_clouds)
    test = splits["test"]
    known = test if open_set else test[np.isin(labels_N[test], labels_N[train])]
    at_once = 2 if num_clouds >= 4 else 1
    few = {"train": train, "test": _even(known, labels_N, num_clouds, at_once)}
    return {name: few.get(name, rows[:num_clouds]) for name, rows in splits.items()}


def _even(rows: Rows, labels_N: NDArray[np.int64], num_clouds: int, at_once: int = 1) -> Rows:
    """The first `at_once` rows of each class, then the next ones, until there are enough."""
    turns = np.zeros(len(rows), np.int64)
    for label in np.unique(labels_N[rows]):
        own = labels_N[rows] == label
        turns[own] = np.arange(own.sum()) // at_once
    order = np.lexsort((labels_N[rows], turns)) if at_once > 1 else np.argsort(turns, kind="stable")
    return np.sort(rows[order[:num_clouds]])


def _split_column(columns: Columns, key: str, labels: Labels) -> Array:
    given = columns[key]
    if given.shape != labels.labels_N.shape or given.dtype.kind not in "US":
        raise FoundryError(
            f"{columns.path}: '{key}' is {given.shape} of {given.dtype}; "
            f"expected {labels.labels_N.shape} of 'train', 'test' or ''"
        )
    split_N = texts(columns.path, key, given)
    wrong = np.flatnonzero(~np.isin(split_N, ["train", "test", *NO_SPLIT]))
    if len(wrong):
        raise FoundryError(
            f"{columns.path}: row {wrong[0]} of '{key}' is '{split_N[wrong[0]]}'; "
            "expected 'train', 'test' or ''"
        )
    return split_N


def _drawn(labels: Labels, test_share: float) -> Array:
    """A split of its own for each class, always the same; a class of one cloud is for training."""
    split_N = np.where(labels.labels_N >= 0, "train", "")
    random = np.random.default_rng(0)
    for label in range(len(labels.names)):
        rows = random.permutation(np.flatnonzero(labels.labels_N == label))
        num_test = min(len(rows) - 1, round(test_share * len(rows)))
        split_N[rows[: max(0, num_test)]] = "test"
    return split_N


def _numbered(values_N: Array, has_label_N: Array) -> Labels:
    """Classes in the order of their values, which are their names."""
    classes = np.unique(values_N[has_label_N])
    labels_N = np.where(has_label_N, np.searchsorted(classes, values_N), -1)
    return Labels(labels_N.astype(np.int64), tuple(map(str, classes.tolist())))


def _class_names(columns: Columns, key: str, names_key: str | None) -> tuple[str, ...] | None:
    if names_key is None:
        usual = [f"{key}_classes", *(["classes"] if key == "label" else [])]
        names_key = next((name for name in usual if name in columns), None)
    if names_key is None:
        return None
    given = columns[names_key]
    if given.ndim != 1 or given.dtype.kind not in "US":
        raise FoundryError(
            f"{columns.path}: '{names_key}' is {given.shape} of {given.dtype}; expected names"
        )
    return tuple(texts(columns.path, names_key, given).tolist())


def texts(path: Path, key: str, given: Array) -> Array:
    """Text, or bytes in UTF-8, as text.

    Raises:
        FoundryError: for other bytes: replaced characters would merge what differs.
    """
    if given.dtype.kind != "S":
        return given
    decoded, wrong = [], []
    for row, text in enumerate(given.tolist()):
        try:
            decoded.append(text.decode("utf-8"))
        except UnicodeDecodeError:
            wrong.append(row)
    if wrong:
        raise FoundryError(
            f"{path}: row {wrong[0]} of '{key}' is {given[wrong[0]]!r}, which is not UTF-8 "
            f"({len(wrong):,} of {len(given):,} rows are not); save it as text (numpy's type U)"
        )
    return np.array(decoded, dtype=np.str_)
