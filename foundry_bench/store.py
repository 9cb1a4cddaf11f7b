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
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from foundry_bench import provenance
from foundry_bench.errors import DivergedError, FoundryError
from foundry_bench.files import flush
from foundry_bench.record import Record, Status, read_json, write_json
from foundry_bench.stage import SCRATCH, Progress, Report, Stage, StageContext, StageResult
from foundry_bench.turns import clock

RECORD = "record.json"
STORE = "store", "--store"
OUTPUT = "output folder", "--out"
WEIGHTS_REMOVED = "weights_removed.json"
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
        return not (self.path / WEIGHTS_REMOVED).exists()


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

    def finished(self) -> Iterator[Record]:
        """The records of all finished stages, but for what cannot be read."""
        for path in sorted((self.root / "stages").glob(f"*/{RECORD}")):
            with suppress(FoundryError, OSError):
                yield read_json(path, Record)

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

    def run_if_free(self, stage: Stage, report: Report) -> Entry | None:
        """As `get_or_run`, but None instead of waiting for another process; it runs again if its
        weights were freed.
        """
        return self._try(stage, report, wait=False, as_input=True)

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
        with writing_to(self.root, STORE):
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
        with writing_to(self.root, STORE):
            partial.mkdir(parents=True, exist_ok=True)
            if ended := _read_ended(partial):
                return self._move(partial, ended)
        report(Progress(stage.kind, stage.task, epoch=0, epochs=0))
        start = clock()
        try:
            result = stage.run(StageContext(partial, self.root / "data", inputs, report))
        except Exception as error:
            raise_if_unwritable(error, self.root, STORE)
            status, message = diagnose(error)
            if status != "oom":
                shutil.rmtree(partial, ignore_errors=True)
            # its failure is kept until the group ends: what it held in memory must not be
            traceback.clear_frames(error.__traceback__)
            result = StageResult(timings={"wall_s": self._spent(stage, start)})
            raise StageFailed(describe(stage, status, result, message)) from error
        timings = {**result.timings, "wall_s": self._spent(stage, start)}
        result = replace(result, timings=timings)
        record = describe(stage, "done", result, None)
        with writing_to(self.root, STORE):
            shutil.rmtree(partial / SCRATCH, ignore_errors=True)
            for path in partial.rglob("*"):
                flush(path)
            write_json(partial / RECORD, record)
            return self._move(partial, record)

    def _move(self, partial: Path, record: Record) -> Entry:
        """Make what is in `partial` an entry, instead of one whose weights were freed; where there
        is a record, all the rest is complete.
        """
        path = self.root / "stages" / record.key
        path.parent.mkdir(parents=True, exist_ok=True)
        flush(partial)
        old = partial.with_name(f"{record.key}.freed")
        if path.exists():
            shutil.rmtree(old, ignore_errors=True)
            path.rename(old)
        partial.rename(path)
        flush(path.parent)
        shutil.rmtree(old, ignore_errors=True)
        return Entry(path, record)

    def _spent(self, stage: Stage, start: float) -> float:
        self.ran[stage.key] = clock() - start
        return self.ran[stage.key]


@contextmanager
def writing_to(root: Path, what: tuple[str, str]) -> Iterator[None]:
    """Turn what the file system refuses in the block into a message for the user; `what` is `STORE`
    or `OUTPUT`.

    Raises:
        StoreError: instead of an OSError.
    """
    try:
        yield
    except OSError as error:
        raise_if_unwritable(error, root, what)
        name, option = what
        raise StoreError(
            f"cannot write to the {name} {root}: {error.strerror or error}; "
            f"make it writable or choose another with {option}"
        ) from error


def raise_if_unwritable(error: BaseException, root: Path, what: tuple[str, str]) -> None:
    """Do nothing if `error` has another cause than a disk that is full or read-only.

    Raises:
        StoreError: if it has not.
    """
    name, option = what
    if _has_cause(error, (errno.EROFS,)):
        raise StoreError(
            f"the disk of the {name} {root} is read-only; make it writable, or choose another "
            f"with {option}, and call again: what was finished is kept"
        ) from error
    if _has_cause(error, (errno.ENOSPC, errno.EDQUOT)) or _free_bytes(root) < 2**20:
        raise StoreError(
            f"the disk of the {name} {root} is full; free some space there, or choose "
            f"another with {option}, and call again: what was finished is kept"
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
        metric_specs=dict(result.metric_specs),
        history=[dict(epoch) for epoch in result.history],
        timings=dict(result.timings),
        device=provenance.device(),
        packages=provenance.packages(*stage.packages),
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


def _has_cause(error: BaseException, numbers: tuple[int, ...]) -> bool:
    """Whether `error`, or what caused it, is one of the system's errors `numbers`, if only by its
    words: libraries hide them in errors of their own.
    """
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, OSError) and link.errno in numbers:
            return True
        if any(os.strerror(number) in str(link) for number in numbers):
            return True
        link = link.__cause__ or link.__context__
    return False


def _free_bytes(root: Path) -> int:
    try:
        return shutil.disk_usage(root).free
    except OSError:
        return sys.maxsize


def _read_ended(partial: Path) -> Record | None:
    """The record of a stage whose process was killed after it had ended."""
    try:
        return read_json(partial / RECORD, Record)
    except FileNotFoundError:
        return None
