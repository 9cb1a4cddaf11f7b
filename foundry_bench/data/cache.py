"""Datasets prepared once: `<cache>/<fingerprint>/` holds their arrays, memory-mapped."""

import json
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from foundry_bench.data.dataset import Dataset
from foundry_bench.errors import FoundryError

FORMAT_VERSION = 1


def cached(cache: Path, fingerprint: str, read: Callable[[], Dataset]) -> Dataset:
    """The dataset under `fingerprint` in `cache`; `read` is called if it is not there yet.

    It appears by one rename or not at all, and processes that want it at once call `read` once.

    Raises:
        FoundryError: if the cached files are damaged, and whatever `read` raises.
    """
    folder = cache / fingerprint
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / f".{fingerprint}.lock"):
            if not folder.exists():
                _write(folder, read())
    return _open(folder, fingerprint)


def _write(folder: Path, dataset: Dataset) -> None:
    temporary = folder.with_name(f".{uuid.uuid4().hex}")
    temporary.mkdir()
    try:
        np.save(temporary / "points.npy", dataset.points_NP3)
        np.save(temporary / "labels.npy", dataset.labels_N)
        if dataset.parts_NP is not None:
            np.save(temporary / "parts.npy", dataset.parts_NP)
        for split, rows in dataset.splits.items():
            np.save(temporary / f"split-{split}.npy", rows)
        description = {
            "format": FORMAT_VERSION,
            "name": dataset.name,
            "class_names": dataset.class_names,
            "part_names": dataset.part_names,
            "splits": list(dataset.splits),
            "has_parts": dataset.parts_NP is not None,
        }
        (temporary / "dataset.json").write_text(json.dumps(description, indent=1))
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _open(folder: Path, fingerprint: str) -> Dataset:
    try:
        description = json.loads((folder / "dataset.json").read_text())
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
        )
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise FoundryError(
            f"the prepared dataset in {folder} cannot be read ({error}); delete that folder"
        ) from error


def _array(path: Path, **options: Any) -> Any:
    return np.load(path, allow_pickle=False, **options)
