"""Marks in the folders that all machines of a cluster must see, so that a worker can tell."""

import socket
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from foundry_bench.errors import FoundryError


class NotShared(FoundryError):
    """A machine of the cluster does not see a folder that it should."""


@contextmanager
def marked(folders: Sequence[Path]) -> Iterator[str]:
    """Mark `folders` while the block lasts; gives the mark."""
    mark = uuid.uuid4().hex
    paths = {_path(folder, mark) for folder in folders}
    try:
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        yield mark
    finally:
        for path in paths:
            path.unlink(missing_ok=True)


def check_marks(folders: Sequence[Path], mark: str | None) -> None:
    """Do nothing if each of `folders` has the `mark`, or if there is none.

    Raises:
        NotShared: if one of them has not: it is another folder, or none, on this machine.
    """
    unseen = [folder for folder in folders if mark and not _path(folder, mark).exists()]
    if unseen:
        raise NotShared(
            f"the machine {socket.gethostname()} of the cluster does not see {unseen[0]}: give "
            "--out and --store on a path that all its machines share, such as a network file "
            "system; what was finished is kept"
        )


def _path(folder: Path, mark: str) -> Path:
    return folder / f".driver-{mark}"
