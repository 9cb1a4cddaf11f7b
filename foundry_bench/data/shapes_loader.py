"""The procedural dataset: generated, not downloaded."""

from typing import Self

import numpy as np
from pydantic import Field

from foundry_bench.data.check import Finding, compare
from foundry_bench.data.dataset import Dataset
from foundry_bench.data.loader import DatasetLoader, DataSettings, digest
from foundry_bench.data.shapes import CLASSES, GENERATOR_VERSION, PARTS, generate
from foundry_bench.data.slow import watched

CHUNK = 128
"""Clouds generated between two steps of the progress bar."""


class ShapesSettings(DataSettings):
    """Procedural clouds with class and part labels."""

    name: str = "shapes"
    train: int = Field(1024, ge=len(CLASSES))
    """Labelled clouds; classes are balanced."""
    unlabelled: int = Field(3072, ge=0)
    """Further clouds, to pre-train and distill on."""
    test: int = Field(4096, ge=len(CLASSES))
    points: int = Field(1024, ge=16)
    difficulty: float = Field(0.3, ge=0, le=1)
    """Scales proportions, shear, noise, cut-away and outliers; 0.3 leaves room above and below
    the shipped teacher."""
    seed: int = Field(0, ge=0, lt=2**32)

    def smoke(self) -> Self:
        """As few clouds as all classes allow, with two of each to test on."""
        few = len(CLASSES)
        return self.model_copy(
            update={"train": few, "unlabelled": min(few, self.unlabelled), "test": 2 * few}
        )


class Shapes(DatasetLoader):
    """Generates the embedded default; a cloud of a split does not depend on the split's size."""

    Settings = ShapesSettings
    settings: ShapesSettings

    def fingerprint(self) -> str:
        """Of the settings and of the generator's version."""
        return digest("shapes", GENERATOR_VERSION, self.settings.model_dump())

    def num_points(self) -> int:
        """As asked for."""
        return self.settings.points

    def num_clouds(self, split: str) -> int:
        """As asked for."""
        return int(getattr(self.settings, split))

    def has_parts(self) -> bool:
        """They are made of parts."""
        return True

    def read(self) -> Dataset:
        """Generate all splits (about 1,000 clouds a second and core)."""
        settings = self.settings
        sizes = {"train": settings.train, "unlabelled": settings.unlabelled, "test": settings.test}
        num_clouds = sum(sizes.values())
        points_NP3 = np.empty((num_clouds, settings.points, 3), np.float32)
        parts_NP = np.empty((num_clouds, settings.points), np.int16)
        labels_N = np.empty(num_clouds, np.int64)
        splits: dict[str, np.ndarray[tuple[int], np.dtype[np.int64]]] = {}
        chunks: list[tuple[str, int, int, int]] = []
        first = 0
        for stream, size in sizes.items():
            splits[stream] = np.arange(first, first + size)
            chunks += [(stream, first, at, min(at + CHUNK, size)) for at in range(0, size, CHUNK)]
            first += size
        for stream, first, start, stop in watched(chunks, f"generating {num_clouds:,} shapes"):
            clouds = generate(
                range(start, stop),
                seed=settings.seed,
                stream=stream,
                num_points=settings.points,
                difficulty=settings.difficulty,
            )
            rows = slice(first + start, first + stop)
            points_NP3[rows], labels_N[rows] = clouds.points_NP3, clouds.labels_N
            parts_NP[rows] = clouds.parts_NP
        labels_N[splits["unlabelled"]] = -1
        parts_NP[splits["unlabelled"]] = -1
        return Dataset(
            settings.name,
            points_NP3,
            labels_N,
            CLASSES,
            splits,
            self.fingerprint(),
            parts_NP,
            PARTS,
        )

    def check(self, dataset: Dataset) -> list[Finding]:
        """The general findings, and the sizes against those asked for."""
        settings = self.settings
        sizes = {"train": settings.train, "unlabelled": settings.unlabelled, "test": settings.test}
        return [
            *(
                compare(f"{name} clouds", len(dataset.splits[name]), size)
                for name, size in sizes.items()
            ),
            compare("points a cloud", dataset.points_NP3.shape[1], settings.points),
            compare("parts", len(dataset.part_names), len(PARTS)),
            *super().check(dataset),
        ]
