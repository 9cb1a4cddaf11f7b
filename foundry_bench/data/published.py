"""Datasets as their authors publish them: what all their loaders have in common.

Legend: N clouds, P points a cloud.
"""

from abc import abstractmethod
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from pydantic import Field

from foundry_bench.data.archive_columns import limited
from foundry_bench.data.cache import Allocate, in_memory
from foundry_bench.data.check import Finding, compare
from foundry_bench.data.checksums import checksums
from foundry_bench.data.cloud import Cloud
from foundry_bench.data.dataset import Dataset, Rows
from foundry_bench.data.listing import Listing
from foundry_bench.data.loader import DatasetLoader, DataSettings, digest
from foundry_bench.data.orders import shuffled
from foundry_bench.data.publication import Publication, data_root
from foundry_bench.data.slow import watched
from foundry_bench.errors import FoundryError

LOADER_VERSION = 1
"""Raised when the same files and settings give another dataset."""
SMOKE_CLOUDS = 5
"""Two batches to train on, even if one cloud is for validation, and two pairs to test on."""


class PublishedSettings(DataSettings):
    """Where a published dataset is, and how much of it is taken."""

    root: str = ""
    """The folder that holds the published folder under its published name (or is it); empty: the
    environment variable FOUNDRY_BENCH_DATA, else `./data`."""
    points: int = Field(2048, ge=1)
    """Points a cloud, if the files have more."""


class LimitedSettings(PublishedSettings):
    """Settings of a dataset of which a few clouds can be taken."""

    limit: int | None = Field(None, ge=1)
    """Largest number of clouds a split, for trying things out; as even over classes as can be."""

    def smoke(self) -> Self:
        """A few clouds of each split."""
        return self.model_copy(update={"limit": min(SMOKE_CLOUDS, self.limit or SMOKE_CLOUDS)})


class Published(DatasetLoader):
    """Reads a published dataset from the folder it was unpacked to; nothing is downloaded.

    Points are put in one fixed order that looks random, since the files' own may follow the shape
    (`keeps_order`: the files are in the order of farthest-point sampling, whose prefixes are fair).
    Of clouds with more than `points` points the first in that order are taken, then the cloud is
    centred on its mean and scaled to the unit sphere. The up axis is y in all files as published.
    """

    publications: ClassVar[tuple[Publication, ...]]
    """The forms it is published in."""
    part_names: ClassVar[tuple[str, ...]] = ()
    repeats: ClassVar[bool] = False
    """Whether points of clouds with fewer than `points` are repeated; else that is an error."""
    settings: PublishedSettings

    @property
    def form(self) -> str:
        """Which of the `publications` the settings ask for."""
        return ""

    @property
    def publication(self) -> Publication:
        """The form that the settings ask for."""
        return next(known for known in self.publications if known.form == self.form)

    @property
    def keeps_order(self) -> bool:
        """Whether points stay in the files' order."""
        return False

    @abstractmethod
    def listing(self) -> Listing:
        """Which clouds there are, from lists and labels."""

    @abstractmethod
    def files(self) -> list[str]:
        """All files that decide the content, relative to `folder`."""

    @cached_property
    def folder(self) -> Path:
        """The published folder.

        Raises:
            FoundryError: if there is none, saying where it was looked for and how to get it.
        """
        root, origin = data_root(self.settings.root)
        for name in self.publication.folders:
            if (root / name).is_dir():
                return root / name
        if root.resolve().name in {Path(name).name for name in self.publication.folders}:
            return root
        names = " or ".join(f"'{name}'" for name in self.publication.folders)
        raise self._error(f"no folder {names} in {root.absolute()} ({origin})")

    def fingerprint(self) -> str:
        """Of the files' bytes and the settings, not of their place."""
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        kept = self.settings.model_dump(exclude={"root"}, exclude_none=True)
        names = self.files()
        try:
            contents = checksums(self.folder, names, f"checksums of {self.settings.name} (once)")
        except FileNotFoundError as error:
            raise self.missing(Path(error.filename)) from error
        return digest("published", LOADER_VERSION, kept, list(zip(names, contents, strict=True)))

    def missing(self, path: Path, asked_by: str = "") -> FoundryError:
        """The error of a file that is not there; `asked_by` says who names it."""
        named = f", which {asked_by} names," if asked_by else ""
        return self._error(f"{path}{named} is missing")

    def existing(self, name: str) -> Path:
        """The file `name` of the folder.

        Raises:
            FoundryError: if it is missing.
        """
        path = self.folder / name
        if not path.is_file():
            raise self.missing(path)
        return path

    def num_points(self) -> int:
        """As asked for."""
        return self.settings.points

    def num_clouds(self, split: str) -> int | None:
        """As published; not known with a `limit`, or where no counts are known."""
        is_limited = isinstance(self.settings, LimitedSettings) and self.settings.limit is not None
        counts = self.publication.counts
        return counts.get(split, 0) if counts and not is_limited else None

    def has_parts(self) -> bool:
        """As published."""
        return bool(self.part_names)

    @property
    def expected(self) -> str:
        """The published files under the root."""
        root, _ = data_root(self.settings.root)
        return str(root / self.publication.layout)

    def read(self) -> Dataset:
        """The clouds in memory."""
        return self.read_into(in_memory)

    def read_into(self, allocate: Allocate) -> Dataset:
        """Read, check and normalise cloud by cloud; no second copy of the set is made."""
        fingerprint, listing = self.fingerprint(), self.listing()
        splits = listing.splits
        self._refuse_unusable(listing)
        rows = self.chosen(listing)
        shape = (len(rows), self.settings.points)
        points_NP3 = allocate("points", (*shape, 3), np.float32)
        parts_NP = allocate("parts", shape, np.int16) if self.part_names else None
        label = f"converting {len(rows):,} clouds of {self.settings.name}"
        clouds = listing.read(rows)
        for row, cloud in zip(watched(range(len(rows)), label), clouds, strict=True):
            cloud.check()
            order = self._order(cloud)
            points_NP3[row] = cloud.normalised(order)
            if parts_NP is not None:
                assert cloud.parts_M is not None
                parts_NP[row] = cloud.parts_M[order]
        return Dataset(
            name=self.settings.name,
            points_NP3=points_NP3,
            labels_N=listing.labels_N[rows],
            class_names=listing.class_names,
            splits={
                name: np.flatnonzero(np.isin(rows, of_split)) for name, of_split in splits.items()
            },
            fingerprint=fingerprint,
            parts_NP=parts_NP,
            part_names=self.part_names,
            folds=listing.folds,
        )

    def chosen(self, listing: Listing) -> Rows:
        """The rows that `limit` leaves, else all."""
        limit = self.settings.limit if isinstance(self.settings, LimitedSettings) else None
        if limit is None:
            return np.arange(len(listing.labels_N))
        few = limited(listing.splits, listing.labels_N, limit)
        return np.concatenate([few["train"], few["test"]])

    def check(self, dataset: Dataset) -> list[Finding]:
        """The counts as published, then the general findings."""
        known = self.publication
        found = [
            compare(f"{name} clouds", len(dataset.splits[name]), count)
            for name, count in known.counts.items()
        ]
        found.append(compare("classes", len(dataset.class_names), known.num_classes))
        if known.num_parts:
            num_parts = int(dataset.part_mask("train", "test").any(axis=0).sum())
            found.append(compare("parts that occur", num_parts, known.num_parts))
        return [*found, *super().check(dataset)]

    def _order(self, cloud: Cloud) -> Rows:
        num, wanted = len(cloud.points_M3), self.settings.points
        if num < wanted and not self.repeats:
            raise FoundryError(
                f"{cloud.where} has {num} points, {wanted} are asked for (data.points)"
            )
        order = np.arange(num) if self.keeps_order else self._shuffled(num)
        return np.resize(order, wanted) if num < wanted else order[:wanted]

    def _shuffled(self, num: int) -> Rows:
        if num not in self._orders:
            self._orders[num] = shuffled(num, 0)
        return self._orders[num]

    @cached_property
    def _orders(self) -> dict[int, Rows]:
        return {}

    def _refuse_unusable(self, listing: Listing) -> None:
        """Empty splits, and classes to be tested that cannot be learned."""
        for name, rows in listing.splits.items():
            if not len(rows):
                raise FoundryError(f"{self.folder}: no cloud is in the {name} split")
        train, test = (listing.labels_N[rows] for rows in listing.splits.values())
        unknown = np.setdiff1d(test, train)
        if len(unknown):
            name, num = listing.class_names[unknown[0]], int((test == unknown[0]).sum())
            raise FoundryError(
                f"{self.folder}: class '{name}' has {num} test clouds, none in train"
            )

    def _error(self, what: str) -> FoundryError:
        return FoundryError(self.publication.help(self.settings.name, what))
