"""The real sets that may stand beside the project."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foundry_bench.data.archive import Archive, ArchiveSettings

FOLDER = Path(
    os.environ.get("FOUNDRY_BENCH_REAL_DATA")
    or Path(__file__).resolve().parents[2].parent / "shared" / "data"
)


@pytest.mark.parametrize(
    ("file", "settings", "sizes", "num_classes"),
    [
        ("psb_shrec12", {"label": "db69", "split": "db69_split"}, (1729, 741, 499), 69),
        ("psb_shrec12", {"label": "psb_top", "split": "psb_split"}, (809, 821, 1255), 21),
        (
            "psb_shrec12",
            {"label": "psb_path", "split": "psb_split", "open_set": True},
            (904, 905, 1160),
            161,
        ),
        ("lpsb_parts", {"part": "part"}, (228, 152, 0), 19),
        ("sweethome3d", {}, (415, 185, 220), 38),
        ("sweethome3d", {"label": "room", "split": "room_split"}, (567, 253, 0), 12),
    ],
)
def test_real_sets_are_as_published(
    file: str,
    settings: dict[str, Any],
    sizes: tuple[int, int, int],
    num_classes: int,
    tmp_path: Path,
) -> None:
    path = FOLDER / f"{file}.npz"
    if not path.is_file():
        pytest.skip(f"{path} is absent; set FOUNDRY_BENCH_REAL_DATA to its folder")
    loader = Archive(ArchiveSettings(path=str(path), **settings))
    dataset = loader.load(tmp_path)
    assert tuple(len(dataset.splits[name]) for name in ("train", "test", "unlabelled")) == sizes
    assert len(dataset.class_names) == num_classes
    assert np.isin(dataset.labels_N[dataset.splits["test"]], np.arange(num_classes)).all()
    assert [finding for finding in loader.check(dataset) if finding.is_ok is False] == []
    assert len(dataset.part_names) == (94 if "part" in settings else 0)
    owners = [dataset.class_names.index(name.split("/")[0]) for name in dataset.part_names]
    assert dataset.part_mask("train", "test").sum() == len(owners)
    assert dataset.part_mask("train", "test")[owners, range(len(owners))].all()
