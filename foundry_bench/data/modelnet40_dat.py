"""Pickles of ModelNet40 as Point-BERT and Point-MAE write them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foundry_bench.data.cloud import Cloud
from foundry_bench.data.dataset import Rows
from foundry_bench.data.listing import Listing
from foundry_bench.data.modelnet40_names import NAMES
from foundry_bench.data.pickles import read_pickle
from foundry_bench.errors import FoundryError


def dat_listing(train: Path, test: Path) -> Listing:
    """The clouds of two pickles `[clouds, labels]`, which are in memory until they are read.

    Raises:
        FoundryError: for other content, naming the row.
    """
    content = [_dat_content(path) for path in (train, test)]
    clouds = [cloud for of_split, _ in content for cloud in of_split]
    wheres = [
        f"{path}: cloud {row}"
        for path, (of_split, _) in zip((train, test), content, strict=True)
        for row in range(len(of_split))
    ]

    def read(rows: Rows) -> Iterator[Cloud]:
        for row in rows.tolist():
            yield Cloud(wheres[row], without_normals(clouds[row]))

    labels_N = np.array([label for _, labels in content for label in labels], np.int64)
    return Listing(labels_N, len(content[0][0]), NAMES, read)


def without_normals(cloud: Any) -> NDArray[Any]:
    """The first three of six columns; other things as arrays, for `Cloud.check` to refuse."""
    points_MD = np.asarray(cloud)
    return points_MD[:, :3] if points_MD.ndim == 2 and points_MD.shape[1] == 6 else points_MD


def _dat_content(path: Path) -> tuple[Any, list[int]]:
    content = read_pickle(path)
    if (
        not isinstance(content, list | tuple)
        or len(content) != 2
        or not all(_is_row_wise(part) for part in content)
    ):
        raise FoundryError(f"{path} holds {type(content).__name__}; expected [clouds, labels]")
    clouds, labels = content
    if len(clouds) != len(labels):
        raise FoundryError(f"{path} holds {len(clouds)} clouds and {len(labels)} labels")
    return clouds, [class_label(f"{path}: label {row}", it) for row, it in enumerate(labels)]


def _is_row_wise(part: Any) -> bool:
    """A list, or the array that numpy stacks a list of equal clouds to."""
    return isinstance(part, list | tuple) or (isinstance(part, np.ndarray) and part.ndim > 0)


def class_label(where: str, value: Any) -> int:
    """An integer from 0 to 39, alone or in an array.

    Raises:
        FoundryError: for anything else.
    """
    label = np.asarray(value)
    if label.dtype.kind not in "iu" or label.size != 1 or not 0 <= label.item() < len(NAMES):
        raise FoundryError(f"{where} is {value}; expected 0 to {len(NAMES) - 1}")
    return int(label.item())
