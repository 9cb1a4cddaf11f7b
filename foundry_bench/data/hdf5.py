"""Clouds in HDF5 files with the arrays `data` (clouds, points, 3) and `label` (clouds,)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from foundry_bench.data.cloud import Cloud
from foundry_bench.data.dataset import Rows
from foundry_bench.data.listing import Listing
from foundry_bench.errors import FoundryError
from foundry_bench.registry import unknown

CHUNK = 256
"""Clouds read at once."""


def hdf5_listing(
    train: Sequence[Path], test: Sequence[Path], class_names: tuple[str, ...]
) -> Listing:
    """The clouds of some files, which are read when they are asked for.

    Raises:
        FoundryError: for a file that is damaged or lacks an array, arrays of other shapes, and a
            label without a class, with its row.
    """
    labels = [_labels(path, len(class_names)) for path in (*train, *test)]
    ends = np.cumsum([len(labels_N) for labels_N in labels])

    def read(rows: Rows) -> Iterator[Cloud]:
        for path, end, labels_N in zip((*train, *test), ends, labels, strict=True):
            first = end - len(labels_N)
            yield from _clouds(path, rows[(rows >= first) & (rows < end)] - first)

    num_train = int(ends[len(train) - 1]) if train else 0
    return Listing(np.concatenate(labels), num_train, class_names, read)


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    """The file, whose arrays are there; what reading it raises is told as one error."""
    try:
        with h5py.File(path, "r") as file:
            for key in ("data", "label"):
                if not isinstance(file.get(key), h5py.Dataset):
                    hint = unknown("array", key, list(file))
                    raise FoundryError(f"{path}: {hint} (it has {', '.join(file) or 'none'})")
            yield file
    except (OSError, RuntimeError, ValueError) as error:
        raise FoundryError(
            f"{path} cannot be read as HDF5; it is damaged or cut short ({error})"
        ) from error


def _labels(path: Path, num_classes: int) -> NDArray[np.int64]:
    with _opened(path) as file:
        data, label = file["data"], file["label"]
        if len(data.shape) != 3 or data.shape[2] != 3 or data.dtype.kind not in "fiu":
            swapped = "; the axes are swapped" if data.shape[1:2] == (3,) else ""
            raise FoundryError(
                f"{path}: 'data' is {data.shape} of {data.dtype}; expected numbers "
                f"(clouds, points, 3){swapped}"
            )
        if label.size != len(data) or label.shape[:1] != data.shape[:1]:
            raise FoundryError(f"{path}: 'label' is {label.shape}, 'data' has {len(data)} clouds")
        if label.dtype.kind not in "iu":
            raise FoundryError(f"{path}: 'label' is of {label.dtype}; expected integers")
        labels_N: NDArray[np.int64] = label[:].astype(np.int64).reshape(-1)
    wrong = np.flatnonzero((labels_N < 0) | (labels_N >= num_classes))
    if len(wrong):
        raise FoundryError(
            f"{path}: row {wrong[0]} of 'label' is {labels_N[wrong[0]]}; "
            f"expected 0 to {num_classes - 1}"
        )
    return labels_N


def _clouds(path: Path, rows: Rows) -> Iterator[Cloud]:
    with _opened(path) as file:
        data = file["data"]
        for start in range(0, len(data), CHUNK):
            wanted = rows[(rows >= start) & (rows < start + CHUNK)]
            if not len(wanted):
                continue
            chunk = data[start : start + CHUNK]
            for row in wanted.tolist():
                yield Cloud(f"{path}: row {row} of 'data'", chunk[row - start])
