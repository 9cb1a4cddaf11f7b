"""Datasets prepared once: `<cache>/<fingerprint>/` holds their arrays, memory-mapped."""

import json
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import DTypeLike, NDArray

from foundry_bench.data.dataset import Dataset, Fold
from foundry_bench.errors import FoundryError
from foundry_bench.files import reserve

FORMAT_VERSION = 1

Allocate = Callable[[str, tuple[int, ...], DTypeLike], NDArray[Any]]
"""Makes the array that becomes `points` or `parts` of a dataset, of a shape and a type."""


def in_memory(name: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """An `Allocate` for datasets that are not cached."""
    return np.empty(shape, dtype)


def cached(cache: Path, fingerprint: str, read: Callable[[Allocate], Dataset]) -> Dataset:
    """The dataset under `fingerprint` in `cache`; `read` is called if it is not there yet.

    It appears by one rename or not at all, and processes that want it at once call `read` once.
    Arrays that `read` takes from its argument are files of the cache from the start, so that a set
    larger than the memory can be filled in piece by piece; others are copied.

    Raises:
        FoundryError: if the cached files are damaged, the disk has no room for them, and whatever
            `read` raises.
    """
    folder = cache / fingerprint
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / f".{fingerprint}.lock"):
            if not folder.exists():
                _prepare(folder, read)
    return _open(folder, fingerprint)


def _prepare(folder: Path, read: Callable[[Allocate], Dataset]) -> None:
    temporary = folder.with_name(f".{uuid.uuid4().hex}")
    temporary.mkdir()

    def mapped(name: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        return _mapped(temporary / f"{name}.npy", shape, dtype)

    try:
        _write(temporary, read(mapped))
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write(folder: Path, dataset: Dataset) -> None:
    _save(folder / "points.npy", dataset.points_NP3)
    np.save(folder / "labels.npy", dataset.labels_N)
    if dataset.parts_NP is not None:
        _save(folder / "parts.npy", dataset.parts_NP)
    for split, rows in dataset.splits.items():
        np.save(folder / f"split-{split}.npy", rows)
    description = {
        "format": FORMAT_VERSION,
        "name": dataset.name,
        "class_names": dataset.class_names,
        "part_names": dataset.part_names,
        "splits": list(dataset.splits),
        "has_parts": dataset.parts_NP is not None,
        "folds": [
            {"train": fold.train.tolist(), "test": fold.test.tolist(), "classes": fold.classes}
            for fold in dataset.folds
        ],
    }
    (folder / "dataset.json").write_text(json.dumps(description, indent=1), encoding="utf-8")


def _save(path: Path, array: NDArray[Any]) -> None:
    """Write an array that is not yet the file `path`."""
    if isinstance(array, np.memmap) and array.filename and Path(array.filename) == path.absolute():
        array.flush()
    else:
        _mapped(path, array.shape, array.dtype)[...] = array


def _mapped(path: Path, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """A new file `path`, with its room on the disk, as an array."""
    array = np.lib.format.open_memmap(path, "w+", np.dtype(dtype), shape)
    reserve(path)
    return array


def _open(folder: Path, fingerprint: str) -> Dataset:
    try:
        description = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
        if description["format"] != FORMAT_VERSION:
            raise ValueError(f"it has format {description['format']}, not {FORMAT_VERSION}")
        return Dataset(
            name=description["name"],
            points_NP3=_array(folder / "points.npy", mmap_mode="r"),
            labels_N=_array(folder / "labels.npy"),
            class_names=tuple(description["class_names"]),
            splits={name: _array(folder / f"split-{name}.npy") for name in description["splits"]},
            fingerprint=fingerprint,
            parts_NP=_array(folder / "parts.npy", mmap_mode="r")
            if description["has_parts"]
            else None,
            part_names=tuple(description["part_names"]),
            folds=tuple(
                Fold(
                    np.array(fold["train"], np.int64),
                    np.array(fold["test"], np.int64),
                    tuple(fold["classes"]),
                )
                for fold in description.get("folds", ())  # older files have none
            ),
        )
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise FoundryError(
            f"the prepared dataset in {folder} cannot be read ({error}); delete that folder"
        ) from error


def _array(path: Path, **options: Any) -> Any:
    return np.load(path, allow_pickle=False, **options)
