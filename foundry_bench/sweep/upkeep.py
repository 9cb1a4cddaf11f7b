"""What a store holds, and freeing what no sweep refers to."""

import contextlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from foundry_bench.errors import FoundryError
from foundry_bench.store import RECORD
from foundry_bench.sweep.references import Reference, held, references

CUT_SHORT = "cut short"
DAY_S = 86_400.0
STALE_DAYS = 7.0
"""So long after its last change a stage that was cut short is given up."""
TRASH = "trash"


@dataclass(frozen=True)
class Item:
    """A stage's folder in a store.

    Attributes:
        kind: `distill`, `evaluate probe` ...; `CUT_SHORT` of one that did not end, or not yet;
            `damaged` without a record that can be read.
        age_s: since its last change.
    """

    kind: str
    path: Path
    num_bytes: int
    age_s: float

    @property
    def key(self) -> str:
        """Of the stage."""
        return self.path.name


@dataclass(frozen=True)
class Inventory:
    """What a store holds, and for whom.

    Attributes:
        stages: finished ones.
        partial: at work, or cut short.
        data_bytes: of what datasets prepared; it stays.
        references: who uses the store.
    """

    stages: Sequence[Item]
    partial: Sequence[Item]
    data_bytes: int
    references: Sequence[Reference]

    @property
    def wanted(self) -> frozenset[str]:
        """Keys that somebody refers to."""
        return frozenset().union(*(each.keys for each in self.references if each.counts))

    @property
    def unwanted(self) -> list[Item]:
        """Finished stages that nobody refers to."""
        wanted = self.wanted
        return [item for item in self.stages if item.key not in wanted]


@dataclass(frozen=True)
class Upkeep:
    """A store to look through.

    Attributes:
        more: output folders that use it and did not say so, as those of earlier versions.
        forgotten: output folders that are not to count.
        stale_days: see `STALE_DAYS`.
    """

    root: Path
    more: Sequence[Path] = ()
    forgotten: Sequence[Path] = ()
    stale_days: float = STALE_DAYS

    def look(self) -> Inventory:
        """What is there now.

        Raises:
            FoundryError: if a sweep is at work in a folder that is to be forgotten.
        """
        found = references(self.root, self.more)
        for each in found:
            if each.folder in self._forgotten and each.state == "at work":
                raise FoundryError(f"a process is at work in {each.folder}: it cannot be forgotten")
        return Inventory(
            [_stage(path) for path in _folders(self.root / "stages")],
            [_item(CUT_SHORT, path) for path in _folders(self.root / "partial")],
            _num_bytes(self.root / "data"),
            [each for each in found if each.folder not in self._forgotten],
        )

    def rubbish(self, inventory: Inventory) -> list[Item]:
        """What can go: stages that nobody refers to, and stale ones that were cut short and that no
        process is at work on.

        Raises:
            FoundryError: if nobody is known to use the store: too little to go by.
        """
        if not inventory.references and inventory.stages:
            raise FoundryError(
                f"{self.root}: no sweep is known to use this store, so all of it would go; say "
                "whose it is with --used-by runs/<name>, or delete the folder"
            )
        stale = [item for item in inventory.partial if item.age_s >= self.stale_days * DAY_S]
        free = []
        for item in [*inventory.unwanted, *stale]:
            with self._claimed(item.key) as is_ours:
                free += [item] if is_ours else []
        return free

    def free(self, agreed: Collection[Path]) -> list[Item]:
        """Delete what can go and is among `agreed`; returns it.

        What somebody has come to want since it was agreed on stays, and so does what a process
        holds. Folders that are gone or forgotten are struck off the register.
        """
        trash = self.root / TRASH / uuid.uuid4().hex
        freed = []
        with held(self.root):
            now = self.look()
            for item in self.rubbish(now):
                with self._claimed(item.key) as is_ours:
                    if is_ours and item.path in agreed:
                        trash.mkdir(parents=True, exist_ok=True)
                        item.path.rename(trash / f"{item.path.parent.name}-{item.key}")
                        freed.append(item)
            for each in references(self.root):
                is_over = each.state == "gone" or each.folder in self._forgotten
                if each.entry is not None and is_over:
                    each.entry.unlink()
        shutil.rmtree(self.root / TRASH, ignore_errors=True)
        return freed

    @property
    def _forgotten(self) -> set[Path]:
        return {folder.absolute() for folder in self.forgotten}

    @contextmanager
    def _claimed(self, key: str) -> Iterator[bool]:
        """Whether this process has the lock of a stage, while the block lasts."""
        (self.root / "locks").mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.root / "locks" / f"{key}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()


def _folders(place: Path) -> list[Path]:
    return sorted(path for path in place.iterdir() if path.is_dir()) if place.is_dir() else []


def _stage(path: Path) -> Item:
    try:
        record = json.loads((path / RECORD).read_text(encoding="utf-8"))
        kind = f"{record['stage']} {record['task'] or ''}".strip()
    except (OSError, ValueError, KeyError, TypeError):
        kind = "damaged"
    return _item(kind, path)


def _item(kind: str, path: Path) -> Item:
    files = _files(path)
    changed = max((file.st_mtime for file in files), default=path.stat().st_mtime)
    return Item(kind, path, sum(file.st_size for file in files), time.time() - changed)


def _num_bytes(folder: Path) -> int:
    return sum(file.st_size for file in _files(folder))


def _files(folder: Path) -> list[os.stat_result]:
    """Of all files below `folder`, which may come and go meanwhile."""
    found = []
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                found.append((Path(place) / name).stat())
    return found
