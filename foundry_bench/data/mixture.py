"""Several datasets as one: the questions of the first, and the clouds of all to learn from.

Legend: N clouds, P points a cloud.
"""

from typing import Annotated, Self, cast

import numpy as np
from pydantic import Field, WithJsonSchema

from foundry_bench.config.registered import DataField
from foundry_bench.config.settings import Seq
from foundry_bench.data.dataset import Dataset
from foundry_bench.data.loader import DatasetLoader, DataSettings, digest, loader_of

LOADER_VERSION = 1

# A dataset's schema holds that of every dataset; here it would hold its own.
InnerData = Annotated[DataField, WithJsonSchema({"type": "object", "required": ["name"]})]


class MixtureSettings(DataSettings):
    """Which datasets."""

    name: str = "mixture"
    first: InnerData
    """Its train and test clouds, classes and parts are those of the mixture."""
    more: Seq[InnerData] = Field(min_length=1)
    """Their train and unlabelled clouds join the unlabelled ones; their labels are not looked at,
    and their test clouds are left out."""

    def smoke(self) -> Self:
        """All of them in their smallest sizes."""
        first, *more = (cast(DataSettings, one).smoke() for one in (self.first, *self.more))
        return self.model_copy(update={"first": first, "more": tuple(more)})


class Mixture(DatasetLoader):
    """Pre-trains or distills on clouds of many origins, and asks about those of one.

    All clouds have as many points as the dataset with the fewest: the first ones, which are a fair
    subsample.
    """

    Settings = MixtureSettings
    settings: MixtureSettings

    def __init__(self, settings: DataSettings) -> None:
        super().__init__(settings)
        self._first, *self._more = map(loader_of, (self.settings.first, *self.settings.more))

    def fingerprint(self) -> str:
        """Of those of its datasets."""
        parts = [loader.fingerprint() for loader in (self._first, *self._more)]
        return digest("mixture", LOADER_VERSION, parts)

    def num_points(self) -> int | None:
        """The fewest of any of its datasets, if all are known."""
        known = [loader.num_points() for loader in (self._first, *self._more)]
        return None if None in known else min(cast("list[int]", known))

    def has_parts(self) -> bool | None:
        """As its first dataset."""
        return self._first.has_parts()

    def folds_of(self) -> tuple[int, int] | None:
        """As its first dataset."""
        return self._first.folds_of()

    @property
    def expected(self) -> str:
        """Where the files of any of its datasets are looked for."""
        places = [loader.expected for loader in (self._first, *self._more)]
        return ", ".join(filter(None, places))

    def read(self) -> Dataset:
        """Read one after the other."""
        first, *more = (loader.read() for loader in (self._first, *self._more))
        num_points = min(dataset.points_NP3.shape[1] for dataset in (first, *more))
        points = [first.points_NP3[:, :num_points]]
        points += [dataset.points_NP3[dataset.pool, :num_points] for dataset in more]
        num_clouds = sum(map(len, points))
        joined = np.arange(len(first.points_NP3), num_clouds)
        unlabelled = first.splits.get("unlabelled", joined[:0])
        return Dataset(
            self.settings.name,
            np.concatenate(points),
            np.concatenate([first.labels_N, np.full(len(joined), -1)]),
            first.class_names,
            {**first.splits, "unlabelled": np.concatenate([unlabelled, joined])},
            self.fingerprint(),
            None if first.parts_NP is None else _padded(first.parts_NP[:, :num_points], num_clouds),
            first.part_names,
            first.folds,
        )


def _padded(
    parts_NP: np.ndarray[tuple[int, int], np.dtype[np.int16]], num: int
) -> np.ndarray[tuple[int, int], np.dtype[np.int16]]:
    """`parts_NP` with rows without parts after it, `num` in all."""
    return np.pad(parts_NP, ((0, num - len(parts_NP)), (0, 0)), constant_values=-1)
