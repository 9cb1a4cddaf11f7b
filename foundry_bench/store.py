"""The store: each stage's result in a folder named by its key, made once and by one process.

<root>/stages/<key>/    record.json and the stage's files; appears by one rename, complete
<root>/partial/<key>/   a stage at work, or one that was killed and goes on from its checkpoint
<root>/data/            what datasets prepared once
<root>/locks/<key>.lock held by the process at work; the system frees it when that process dies
"""

import errno
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from foundry_bench import provenance
from foundry_bench.errors import DivergedError, FoundryError
from foundry_bench.record import Record, Status, read_json, write_json
from foundry_bench.stage import Progress, Report, Stage, StageContext, StageResult

RECORD = "record.json"
FREED = "freed.json"
"""In an entry whose weights were freed: whose, and why. Its record holds all the same."""


class StoreError(FoundryError):
    """The store cannot go on (disk full, read-only, a damaged entry): no stage is to blame."""


class StageFailed(Exception):
    """A stage ended without a result: `record` says how, `__cause__` is the exception."""

    def __init__(self, record: Record) -> None:
        super().__init__(f"{record.stage} {record.status}: {record.error}")
        self.record = record


@dataclass(frozen=True)
class Entry:
    """A finished stage: its folder and its record."""

    path: Path
    record: Record

    @property
    def is_whole(self) -> bool:
        """Whether another stage can start from its files."""
        return not (self.path / FREED).exists()


class Store:
    """Finished stages under `root`, shared by any number of processes.

    Attributes:
        ran: key -> seconds, of the stages that this object ran itself, failed ones too.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.ran: dict[str, float] = {}

    def find(self, key: str) -> Entry | None:
        """The finished stage `key`, or None.

        Raises:
            StoreError: if there is one but its record cannot be read.
        """
        path = self.root / "stages" / key
        if not path.exists():
            return None
        try:
            record = read_json(path / RECORD, Record)
        except FileNotFoundError:
            raise StoreError(
                f"{path} has no {RECORD}; delete that folder to run the stage again"
            ) from None
        except FoundryError as error:
            raise StoreError(
                f"{error}\nDelete the folder {path} to run the stage again."
            ) from error
        except OSError as error:
            raise StoreError(f"cannot read {path}: {error.strerror or error}") from error
        return Entry(path, record)

    def get_or_run(self, stage: Stage, report: Report) -> Entry:
        """The result of `stage`, run now if nobody has; what it needs is seen to first.

        While other processes run some of what is needed, this one runs the rest and waits last.

        Raises:
            StageFailed: if the stage, or one it needs, failed, ran out of memory or diverged. After
                a failure or divergence its files are removed, since they may be the cause; after a
                lack of memory they stay, so that the next attempt goes on from the checkpoint.
            StoreError: if the store is full, read-only or damaged. Work in progress stays, and goes
                on next time.
        """
        entry = self._try(stage, report, wait=True)
        assert entry is not None
        return entry

    def _try(
        self, stage: Stage, report: Report, *, wait: bool, as_input: bool = False
    ) -> Entry | None:
        """As `get_or_run`; None if another process holds a lock and `wait` is false. `as_input`: it
        runs again if its weights were freed.
        """
        if entry := self._usable(stage.key, as_input=as_input):
            return entry
        inputs = self._inputs(stage, report, wait=wait)
        if inputs is None:
            return None
        lock = self._lock(stage.key, wait=wait)
        if lock is None:
            return None
        try:
            found = self._usable(stage.key, as_input=as_input)
            return found or self._run(stage, inputs, report)
        finally:
            lock.release()

    def _usable(self, key: str, *, as_input: bool) -> Entry | None:
        entry = self.find(key)
        return entry if entry and (entry.is_whole or not as_input) else None

    def _lock(self, key: str, *, wait: bool) -> BaseFileLock | None:
        with self._told():
            (self.root / "locks").mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.root / "locks" / f"{key}.lock")
            try:
                lock.acquire(timeout=-1 if wait else 0)
            except Timeout:
                return None
        return lock

    def _inputs(self, stage: Stage, report: Report, *, wait: bool) -> dict[str, Path] | None:
        found = {
            name: self._try(need, report, wait=False, as_input=True)
            for name, need in stage.needs.items()
        }
        busy = [name for name, entry in found.items() if entry is None]
        if busy and not wait:
            return None
        found |= {
            name: self._try(stage.needs[name], report, wait=True, as_input=True) for name in busy
        }
        return {name: entry.path for name, entry in found.items() if entry is not None}

    def _run(self, stage: Stage, inputs: Mapping[str, Path], report: Report) -> Entry:
        partial = self.root / "partial" / stage.key
        with self._told():
            partial.mkdir(parents=True, exist_ok=True)
        report(Progress(stage.kind, stage.task, epoch=0, epochs=0))
        start = time.perf_counter()
        try:
            result = stage.run(StageContext(partial, self.root / "data", inputs, report))
        except Exception as error:
            self._raise_if_full(error)
            status, message = diagnose(error)
            if status != "oom":
                shutil.rmtree(partial, ignore_errors=True)
            result = StageResult(timings={"wall_s": self._spent(stage, start)})
            raise StageFailed(describe(stage, status, result, message)) from error
        timings = {**result.timings, "wall_s": self._spent(stage, start)}
        result = StageResult(result.metrics, result.history, timings)
        record = describe(stage, "done", result, None)
        with self._told():
            write_json(partial / RECORD, record)
            _flush(partial)
            path = self.root / "stages" / stage.key
            path.parent.mkdir(parents=True, exist_ok=True)
            old = partial.with_name(f"{stage.key}.freed")
            if path.exists():
                shutil.rmtree(old, ignore_errors=True)
                path.rename(old)
            partial.rename(path)
            shutil.rmtree(old, ignore_errors=True)
        return Entry(path, record)

    def _spent(self, stage: Stage, start: float) -> float:
        self.ran[stage.key] = time.perf_counter() - start
        return self.ran[stage.key]

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what the file system refuses into a message for the user."""
        try:
            yield
        except OSError as error:
            self._raise_if_full(error)
            raise StoreError(
                f"cannot write to the store {self.root}: {error.strerror or error}; "
                "make it writable or choose another with --store"
            ) from error

    def _raise_if_full(self, error: Exception) -> None:
        if is_disk_full(error) or _free_bytes(self.root) < 2**20:
            raise StoreError(
                f"the disk of the store {self.root} is full; free some space there, or choose "
                "another with --store, and call again: finished stages are kept"
            ) from error


def describe(stage: Stage, status: Status, result: StageResult, error: str | None) -> Record:
    """The record of `stage` as it ended, with what it ran on."""
    return Record(
        key=stage.key,
        stage=stage.kind,
        stage_version=stage.version,
        task=stage.task,
        status=status,
        error=error,
        config=dict(stage.config),
        inputs=stage.inputs,
        seed=stage.seed,
        metrics=dict(result.metrics),
        history=[dict(epoch) for epoch in result.history],
        timings=dict(result.timings),
        device=provenance.device(),
        packages=provenance.packages(),
        commit=provenance.commit(),
    )


def diagnose(error: BaseException) -> tuple[Status, str]:
    """The status and the message that a record gets for `error`."""
    message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, DivergedError):
        return "diverged", str(error)
    if isinstance(error, FoundryError):
        return "failed", str(error)
    torch = sys.modules.get("torch")
    if isinstance(error, MemoryError) or (torch and isinstance(error, torch.OutOfMemoryError)):
        return "oom", message
    if isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error):
        return "oom", message
    return "failed", message


def is_disk_full(error: BaseException) -> bool:
    """Whether `error`, or what caused it, is a full disk or a used-up quota."""
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, OSError) and link.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if os.strerror(errno.ENOSPC) in str(link):
            return True
        link = link.__cause__ or link.__context__
    return False


def _free_bytes(root: Path) -> int:
    try:
        return shutil.disk_usage(root).free
    except OSError:
        return sys.maxsize


def _flush(directory: Path) -> None:
    """Have the disk hold all of `directory` before its new name does."""
    paths = [directory, *(path for path in directory.rglob("*") if path.is_file())]
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
