"""Files that appear whole or not at all, and what is in them."""

import errno
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from foundry_bench.errors import FoundryError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place by one atomic rename when the block ends
    well.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{uuid.uuid4().hex}.{path.name}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Have the disk hold what was written to `path`, a file or a folder, before anything else."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def reserve(path: Path) -> None:
    """Take the room on the disk that the file `path` is as long as, before it is filled through a
    memory map: who writes to a map of a full disk is ended by the system, without a message.

    Raises:
        FoundryError: if there is not so much room; the file is gone then.
    """
    allocate = getattr(os, "posix_fallocate", None)  # not on every system
    if allocate is None:
        return
    size, free = path.stat().st_size, shutil.disk_usage(path.parent).free
    try:
        with path.open("r+b") as file:
            allocate(file.fileno(), 0, size)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            return  # nor on every file system
        path.unlink()
        raise FoundryError(
            f"{path} takes {size / 2**20:,.1f} MiB, and its disk has {free / 2**20:,.1f} left: "
            "free some space there, or choose another folder"
        ) from error


def file_digest(path: Path) -> str:
    """sha256 of the file's bytes; read again only if its size or time of change are others."""
    status = path.stat()
    return _file_digest(path.absolute(), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _file_digest(path: Path, size: int, mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
