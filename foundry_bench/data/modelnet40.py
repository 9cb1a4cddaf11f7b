"""ModelNet40 in its three published forms."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from foundry_bench.data.cloud import Cloud
from foundry_bench.data.cloud_files import read_lines, read_table
from foundry_bench.data.dataset import Rows
from foundry_bench.data.hdf5 import hdf5_listing
from foundry_bench.data.listing import Listing
from foundry_bench.data.modelnet40_dat import dat_listing
from foundry_bench.data.modelnet40_names import NAMES
from foundry_bench.data.publication import Publication
from foundry_bench.data.published import LimitedSettings, Published
from foundry_bench.errors import FoundryError

TERMS = (
    "for academic research only; the models' authors hold their copyright "
    "(modelnet.cs.princeton.edu)"
)
SPLITS = ("train", "test")
RESAMPLED = ("modelnet40_normal_resampled", "ModelNet/modelnet40_normal_resampled")


class ModelNet40Settings(LimitedSettings):
    """ModelNet40, 40 classes of CAD models."""

    name: str = "modelnet40"
    source: Literal["hdf5", "normals", "dat"] = "hdf5"
    """`hdf5`: modelnet40_ply_hdf5_2048; `normals`: the text files of modelnet40_normal_resampled
    (10,000 points); `dat`: what Point-BERT and Point-MAE made of these (8,192 points by
    farthest-point sampling)."""


class ModelNet40(Published):
    """ModelNet40 as PointNet, PointNet++ or Point-BERT publish it; normals are left out.

    Up is y: the code published with each form turns clouds about y.
    """

    Settings = ModelNet40Settings
    settings: ModelNet40Settings
    publications = (
        Publication(
            form="source: hdf5",
            folders=("modelnet40_ply_hdf5_2048",),
            files="{train,test}_files.txt and the ply_data_*.h5 that they list",
            counts={"train": 9840, "test": 2468},
            num_classes=40,
            terms=TERMS,
            source="PointNet's authors (modelnet40_ply_hdf5_2048.zip, shapenet.cs.stanford.edu)",
        ),
        Publication(
            form="source: normals",
            folders=RESAMPLED,
            files="modelnet40_{train,test}.txt and <class>/<id>.txt",
            counts={"train": 9843, "test": 2468},
            num_classes=40,
            terms=TERMS,
            source=(
                "PointNet++'s authors (modelnet40_normal_resampled.zip, shapenet.cs.stanford.edu)"
            ),
        ),
        Publication(
            form="source: dat",
            folders=RESAMPLED,
            files="modelnet40_{train,test}_8192pts_fps.dat",
            counts={"train": 9843, "test": 2468},
            num_classes=40,
            terms=TERMS,
            source="Point-BERT's authors (DATASET.md of their repository)",
        ),
    )

    @property
    def form(self) -> str:
        """That of the setting `source`."""
        return f"source: {self.settings.source}"

    @property
    def keeps_order(self) -> bool:
        """The .dat files are in the order of farthest-point sampling."""
        return self.settings.source == "dat"

    def files(self) -> list[str]:
        """The lists, and what they name."""
        if self.settings.source == "hdf5":
            named = [name for split in SPLITS for name in self._hdf5_names(split)]
            return [*(f"{split}_files.txt" for split in SPLITS), *named]
        if self.settings.source == "dat":
            return [_dat_name(split) for split in SPLITS]
        listing = self.listing()
        return [
            *(f"modelnet40_{split}.txt" for split in SPLITS),
            *(listing.names[row] for row in self.chosen(listing).tolist()),
        ]

    def missing(self, path: Path, asked_by: str = "") -> FoundryError:
        """The error of a missing file, with the list and line that name it."""
        for split in SPLITS:
            list_path = self.folder / f"modelnet40_{split}.txt"
            if self.settings.source == "normals" and list_path.is_file():
                lines = read_lines(list_path)
                if path.stem in lines:
                    asked_by = f"line {lines.index(path.stem) + 1} of {list_path.name}"
        return super().missing(path, asked_by)

    def listing(self) -> Listing:
        """By the form."""
        if self.settings.source == "hdf5":
            train, test = (
                [self.existing(name) for name in self._hdf5_names(split)] for split in SPLITS
            )
            return hdf5_listing(train, test, NAMES)
        if self.settings.source == "dat":
            train_file, test_file = (self.existing(_dat_name(split)) for split in SPLITS)
            return dat_listing(train_file, test_file)
        return self._text_listing()

    def _hdf5_names(self, split: str) -> list[str]:
        """The list has paths of its authors' machine, whose last part counts."""
        lines = read_lines(self.existing(f"{split}_files.txt"))
        return [line.rsplit("/", 1)[-1] for line in lines]

    def _text_listing(self) -> Listing:
        lists = [self.existing(f"modelnet40_{split}.txt") for split in SPLITS]
        ids = [read_lines(path) for path in lists]
        labels = [
            _label(path, number, line)
            for path, lines in zip(lists, ids, strict=True)
            for number, line in enumerate(lines, start=1)
        ]
        names = [
            f"{NAMES[label]}/{line}.txt"
            for label, line in zip(labels, [*ids[0], *ids[1]], strict=True)
        ]

        def read(rows: Rows) -> Iterator[Cloud]:
            for row in rows.tolist():
                path = self.folder / names[row]
                yield Cloud(str(path), read_table(path, 6, delimiter=",")[:, :3])

        return Listing(np.array(labels, np.int64), len(ids[0]), NAMES, read, names)


def _dat_name(split: str) -> str:
    return f"modelnet40_{split}_8192pts_fps.dat"


def _label(path: Path, number: int, line: str) -> int:
    name = line.rpartition("_")[0]
    if name not in NAMES:
        raise FoundryError(
            f"{path}: line {number} is '{line}'; expected <class>_<number> of the 40 classes"
        )
    return NAMES.index(name)
