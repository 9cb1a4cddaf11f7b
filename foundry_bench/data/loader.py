"""What makes a dataset out of settings; the base class of everything in the datasets' registry."""

import hashlib
import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, Self, cast
from weakref import WeakValueDictionary

from foundry_bench.config.settings import NamedSettings
from foundry_bench.data.cache import Allocate, cached
from foundry_bench.data.check import Finding, inspect
from foundry_bench.data.dataset import Dataset
from foundry_bench.registries import DATASETS


class DataSettings(NamedSettings):
    """Settings of a dataset."""

    def smoke(self) -> Self:
        """The same data in the smallest size that can be asked for, for a run of two steps."""
        return self


class DatasetLoader(ABC):
    """Reads or makes one dataset.

    A subclass names its settings, says what decides its content, and reads it; caching, file locks
    and the general checks are done here.
    """

    Settings: ClassVar[type[DataSettings]]

    def __init__(self, settings: DataSettings) -> None:
        """`settings` are of the class `Settings`."""
        assert isinstance(settings, self.Settings)
        self.settings = settings

    @abstractmethod
    def fingerprint(self) -> str:
        """A hash of all that decides the content (see `digest`), without loading the content.

        Raises:
            FoundryError: if a file it depends on is missing.
        """

    @abstractmethod
    def read(self) -> Dataset:
        """The dataset from its source, with `fingerprint()`.

        Raises:
            FoundryError: for a source that cannot be read or is not what the settings say.
        """

    def read_into(self, allocate: Allocate) -> Dataset:
        """As `read`, with the large arrays of the result taken from `allocate` where that saves
        copies of a large set.
        """
        return self.read()

    def num_points(self) -> int | None:
        """Points that each cloud has, if that is known without loading the content; else None."""
        return None

    def num_clouds(self, split: str) -> int | None:
        """Clouds of a split, if that is known without loading the content; else None."""
        return None

    def has_parts(self) -> bool | None:
        """Whether points have parts, if that is known without loading the content; else None."""
        return None

    def folds_of(self) -> tuple[int, int] | None:
        """Way and shot of the few-shot folds that it was published with; None: it has none."""
        return None

    @property
    def expected(self) -> str:
        """Where its files are looked for; empty for a dataset without files."""
        return ""

    def load(self, cache: Path | None) -> Dataset:
        """The dataset; from the second time on memory-mapped from `cache`, if there is one.

        Processes that share `cache` read or make the same dataset once.

        Raises:
            FoundryError: as `read`.
        """
        return self.read() if cache is None else cached(cache, self.fingerprint(), self.read_into)

    def check(self, dataset: Dataset) -> list[Finding]:
        """What is found in `dataset` against what is expected; subclasses add what they know."""
        return inspect(dataset)


_ALIVE: WeakValueDictionary[str, DatasetLoader] = WeakValueDictionary()


def loader_of(settings: NamedSettings) -> DatasetLoader:
    """The registered loader that `settings` name: the same one for equal settings as long as anyone
    holds it, since it may have looked at fifty thousand files.
    """
    key = settings.model_dump_json()
    loader = _ALIVE.get(key)
    if loader is None:
        _ALIVE[key] = loader = DATASETS.get(settings.name)(cast(DataSettings, settings))
    return loader


def digest(*parts: object) -> str:
    """sha256 over `parts` as canonical JSON, to build fingerprints from."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
