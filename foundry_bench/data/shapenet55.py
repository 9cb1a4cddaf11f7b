"""ShapeNet55: the clouds of ShapeNetCore that Point-BERT and its successors pre-train on."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from foundry_bench.data.cloud import Cloud
from foundry_bench.data.cloud_files import read_array, read_lines
from foundry_bench.data.dataset import Rows
from foundry_bench.data.listing import Listing
from foundry_bench.data.publication import Publication
from foundry_bench.data.published import LimitedSettings, Published
from foundry_bench.data.shapenet55_names import NAMES
from foundry_bench.errors import FoundryError

SPLITS = ("train", "test")
SYNSETS = list(NAMES)
CLOUDS = "shapenet_pc"


class ShapeNet55Settings(LimitedSettings):
    """ShapeNet55, 55 classes of CAD models, 8,192 points in the files."""

    name: str = "shapenet55"


class ShapeNet55(Published):
    """ShapeNet55 as Point-BERT publishes it; a cloud's class is the synset in its file's name.

    Up is y, as in ShapeNetCore.
    """

    Settings = ShapeNet55Settings
    settings: ShapeNet55Settings
    publications = (
        Publication(
            folders=("ShapeNet55-34", "ShapeNet55"),
            files=f"ShapeNet-55/{{train,test}}.txt and {CLOUDS}/<synset>-<id>.npy",
            counts={"train": 41952, "test": 10518},
            num_classes=55,
            terms="ShapeNet's terms of use: research and teaching, not for commerce",
            source=(
                "Point-BERT's authors (ShapeNet55, DATASET.md of their repository); the models: "
                "shapenet.org"
            ),
        ),
    )

    def files(self) -> list[str]:
        """The lists and the clouds."""
        listing = self.listing()
        chosen = [listing.names[row] for row in self.chosen(listing).tolist()]
        return [*(self._list_name(split) for split in SPLITS), *chosen]

    def missing(self, path: Path, asked_by: str = "") -> FoundryError:
        """The error of a missing file, with the list and line that name it."""
        if path.parent.name == CLOUDS:
            for split in SPLITS:
                lines = read_lines(self.folder / self._list_name(split))
                if path.name in lines:
                    asked_by = f"line {lines.index(path.name) + 1} of {split}.txt"
        return super().missing(path, asked_by)

    def listing(self) -> Listing:
        """As the two lists say."""
        paths = [self.existing(self._list_name(split)) for split in SPLITS]
        lines = [read_lines(path) for path in paths]
        labels = [
            _label(path, number, line)
            for path, of_split in zip(paths, lines, strict=True)
            for number, line in enumerate(of_split, start=1)
        ]
        names = [f"{CLOUDS}/{line}" for of_split in lines for line in of_split]

        def read(rows: Rows) -> Iterator[Cloud]:
            for row in rows.tolist():
                path = self.folder / names[row]
                yield Cloud(str(path), read_array(path))

        return Listing(
            np.array(labels, np.int64), len(lines[0]), tuple(NAMES.values()), read, names
        )

    def _list_name(self, split: str) -> str:
        """Point2vec and Point-JEPA keep the lists beside the clouds."""
        beside = f"{split}.txt"
        return beside if (self.folder / beside).is_file() else f"ShapeNet-55/{beside}"


def _label(path: Path, number: int, line: str) -> int:
    synset, dash, _ = line.partition("-")
    if synset not in NAMES or not dash or "/" in line or not line.endswith(".npy"):
        raise FoundryError(
            f"{path}: line {number} is '{line}'; expected <synset>-<id>.npy of the 55 synsets"
        )
    return SYNSETS.index(synset)
