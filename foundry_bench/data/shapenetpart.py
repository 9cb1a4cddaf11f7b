"""ShapeNetPart: clouds whose points say which part of the thing they lie on."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from foundry_bench.data.check import Finding
from foundry_bench.data.cloud import Cloud
from foundry_bench.data.cloud_files import read_lines, read_table
from foundry_bench.data.dataset import Dataset, Rows
from foundry_bench.data.listing import Listing
from foundry_bench.data.publication import Publication
from foundry_bench.data.published import LimitedSettings, Published
from foundry_bench.errors import FoundryError

NUM_PARTS = {
    "Airplane": 4, "Bag": 2, "Cap": 2, "Car": 4, "Chair": 4, "Earphone": 3, "Guitar": 3, "Knife": 2,
    "Lamp": 4, "Laptop": 2, "Motorbike": 6, "Mug": 2, "Pistol": 3, "Rocket": 3, "Skateboard": 3,
    "Table": 3,
}  # fmt: skip
"""Parts of each category; they are numbered through in this order."""
NAMES = tuple(NUM_PARTS)
FIRST_PARTS = dict(zip(NAMES, np.cumsum([0, *NUM_PARTS.values()]).tolist(), strict=False))
CATEGORIES = "synsetoffset2category.txt"
LISTS = {"train": ("train", "val"), "test": ("test",)}
"""Which published lists make which split."""


class ShapeNetPartSettings(LimitedSettings):
    """ShapeNetPart, 16 categories, 50 parts, train and validation shapes together."""

    name: str = "shapenetpart"


class ShapeNetPart(Published):
    """ShapeNetPart with the published split, train and val as train.

    A cloud has about 2,600 points; those with fewer than `points` have some of them twice. Shapes
    that the lists name and the folder lacks are left out, as in the published code (`check` counts
    them). Up is y, as in ShapeNetCore; normals are left out.
    """

    Settings = ShapeNetPartSettings
    settings: ShapeNetPartSettings
    part_names = tuple(f"{name}/{part}" for name in NAMES for part in range(NUM_PARTS[name]))
    repeats = True
    publications = (
        Publication(
            folders=("shapenetcore_partanno_segmentation_benchmark_v0_normal",),
            files=(
                f"{CATEGORIES}, train_test_split/shuffled_{{train,val,test}}_file_list.json and "
                "<synset>/<id>.txt"
            ),
            counts={"train": 13998, "test": 2874},
            num_classes=16,
            num_parts=50,
            terms="ShapeNet's terms of use: research and teaching, not for commerce",
            source=(
                "PointNet++'s authors (shapenetcore_partanno_segmentation_benchmark_v0_normal.zip, "
                "shapenet.cs.stanford.edu); the models: shapenet.org"
            ),
        ),
    )

    def files(self) -> list[str]:
        """The lists and the clouds."""
        listing = self.listing()
        lists = [_list_name(word) for words in LISTS.values() for word in words]
        chosen = [listing.names[row] for row in self.chosen(listing).tolist()]
        return [CATEGORIES, *lists, *chosen]

    def listing(self) -> Listing:
        """What the lists name and the folder has, by category and name."""
        labels = self._labels()
        there = {
            f"{synset}/{path.name}"
            for synset in labels
            for path in (self.folder / synset).glob("*.txt")
        }
        names: dict[str, list[str]] = {}
        for split in LISTS:
            listed = self._listed(split, labels)
            names[split] = [name for name in sorted(listed) if name in there]
        every = [*names["train"], *names["test"]]

        def read(rows: Rows) -> Iterator[Cloud]:
            for row in rows.tolist():
                yield _cloud(self.folder / every[row], NAMES[labels_N[row]])

        labels_N = np.array([labels[name.partition("/")[0]] for name in every], np.int64)
        return Listing(labels_N, len(names["train"]), NAMES, read, every)

    def check(self, dataset: Dataset) -> list[Finding]:
        """The counts, what the lists name in vain, and the general findings."""
        labels, names = self._labels(), set(self.listing().names)
        absent = sorted(
            name for split in LISTS for name in self._listed(split, labels) if name not in names
        )
        found = f"{len(absent):,}{f' ({absent[0]}, …)' if absent else ''}"
        return [Finding("listed shapes without a file", found), *super().check(dataset)]

    def _labels(self) -> dict[str, int]:
        """The label of each synset."""
        path = self.existing(CATEGORIES)
        labels: dict[str, int] = {}
        for number, line in enumerate(read_lines(path), start=1):
            name, _, synset = (word.strip() for word in line.replace("\t", " ").partition(" "))
            if name not in NUM_PARTS or not synset.isdigit():
                raise FoundryError(
                    f"{path}: line {number} is '{line}'; expected one of the 16 categories and its "
                    "synset"
                )
            labels[synset] = NAMES.index(name)
        return labels

    def _listed(self, split: str, labels: dict[str, int]) -> set[str]:
        """Names of the files that the lists of a split ask for."""
        listed: set[str] = set()
        for word in LISTS[split]:
            path = self.existing(_list_name(word))
            try:
                entries = json.loads(path.read_text(encoding="utf-8"))
            except ValueError as error:
                raise FoundryError(f"{path} is damaged or cut short: {error}") from error
            if not isinstance(entries, list):
                raise FoundryError(f"{path} holds no list")
            for row, entry in enumerate(entries):
                words = entry.split("/") if isinstance(entry, str) else []
                if len(words) != 3 or words[1] not in labels:
                    raise FoundryError(
                        f"{path}: row {row} is {entry!r}; expected 'shape_data/<synset>/<id>' with "
                        f"a synset of {CATEGORIES}"
                    )
                listed.add(f"{words[1]}/{words[2]}.txt")
        return listed


def _list_name(word: str) -> str:
    return f"train_test_split/shuffled_{word}_file_list.json"


def _cloud(path: Path, category: str) -> Cloud:
    table = read_table(path, 7)
    first, num = FIRST_PARTS[category], NUM_PARTS[category]
    given = table[:, 6]
    wrong = np.flatnonzero(~np.isin(given, np.arange(first, first + num)))
    if len(wrong):
        raise FoundryError(
            f"{path}: line {wrong[0] + 1} has part {given[wrong[0]]:g}; parts of {category} are "
            f"{first} to {first + num - 1}"
        )
    return Cloud(str(path), table[:, :3], given.astype(np.int16))
