"""Small archives in the documented format."""

from pathlib import Path
from typing import Any

import numpy as np

from foundry_bench.data.archive import Archive, ArchiveSettings
from foundry_bench.data.dataset import Dataset


def columns(num: int = 12, points: int = 40) -> dict[str, Any]:
    """Two classes, a third of the clouds in test, one without label and split."""
    random = np.random.default_rng(0)
    labels = np.arange(num) % 2
    labels[-1] = -1
    split = np.where(np.arange(num) % 3 == 0, "test", "train")
    split[-1] = ""
    return {
        "points": random.normal(size=(num, points, 3)).astype(np.float16),
        "label": labels.astype(np.int64),
        "classes": np.array(["ant", "bee"]),
        "split": split,
        "part": (random.random((num, points)) < 0.5).astype(np.uint8),
        "part_names": np.array(["ant/leg", "bee/wing"]),
        "train_chamfer": np.linspace(0.01, 0.1, num, dtype=np.float32),
    }


def save(path: Path, **changes: Any) -> Path:
    """An archive at `path` with some columns changed, or left out where None."""
    arrays = columns() | changes
    kept = {key: array for key, array in arrays.items() if array is not None}
    np.savez_compressed(path, **kept)
    return path


def read(path: Path, **settings: Any) -> Dataset:
    """The dataset that the archive at `path` makes."""
    return Archive(ArchiveSettings(path=str(path), **settings)).load(None)
