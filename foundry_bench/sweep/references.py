"""Which sweeps use a store: each says there where its output folder is, and what it may want.

<store>/sweeps/<hash of the folder>.txt   where the folder is, as JSON; then a key a line
<store>/locks/sweeps.lock                 held by who changes that, or frees by it

The output folder itself holds a record of each stage that its trials used (`stages/<key>`), and
refers to them for as long as it is there.
"""

import contextlib
import hashlib
import json
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from filelock import FileLock

from foundry_bench.errors import FoundryError
from foundry_bench.files import flush, replacing
from foundry_bench.sweep.folder import LOCK
from foundry_bench.sweep.status import is_locked

REGISTER = "sweeps"

State = Literal["at work", "at rest", "gone", "elsewhere"]


@dataclass(frozen=True)
class Reference:
    """An output folder that uses a store.

    Attributes:
        keys: of the stages that it refers to.
        state: `gone`: it is not there any more; `elsewhere`: it cannot be seen from this machine,
            which is not the one that made it.
        entry: the file that says so; None where the store lies in the folder and nothing does.
    """

    folder: Path
    keys: frozenset[str]
    state: State
    entry: Path | None

    @property
    def counts(self) -> bool:
        """Whether what it refers to must stay."""
        return self.state != "gone"


@contextlib.contextmanager
def held(store: Path) -> Iterator[None]:
    """Nobody else registers, or frees what nobody refers to, while the block lasts."""
    (store / "locks").mkdir(parents=True, exist_ok=True)
    with FileLock(store / "locks" / f"{REGISTER}.lock"):
        yield


def register(store: Path, out: Path, keys: Iterable[str]) -> None:
    """Say in `store` that the output folder `out` wants the stages `keys`, and no others.

    A store that cannot be written says nothing: whoever only reads it may.
    """
    place = json.dumps({"folder": str(out.absolute()), "host": socket.gethostname()})
    with contextlib.suppress(OSError), held(store), replacing(_entry(store, out)) as temporary:
        temporary.write_text("\n".join([place, *sorted(set(keys))]) + "\n", encoding="utf-8")
        flush(temporary)


def add(store: Path, out: Path, keys: Iterable[str]) -> None:
    """Say that `out` wants `keys` too."""
    if not _entry(store, out).exists():
        register(store, out, keys)
        return
    with (
        contextlib.suppress(OSError),
        held(store),
        _entry(store, out).open("a", encoding="utf-8") as file,
    ):
        file.writelines(f"{key}\n" for key in keys)


def references(store: Path, more: Iterable[Path] = ()) -> list[Reference]:
    """All that use `store`: those that are registered, the folder that it lies in if that is an
    output folder, and `more`, which are.

    Raises:
        FoundryError: if an entry of the register was cut short, such as by a power loss.
    """
    found = {}
    for entry in sorted((store / REGISTER).glob("*.txt")):
        folder, host, keys = _read(entry)
        found[folder] = _reference(folder, keys, host, entry)
    around = store.absolute().parent
    for folder in (*([around] if (around / "trials").is_dir() else []), *more):
        folder = folder.absolute()
        if folder not in found:
            found[folder] = _reference(folder, (), socket.gethostname(), None)
    return list(found.values())


def _entry(store: Path, out: Path) -> Path:
    name = hashlib.sha256(str(out.absolute()).encode()).hexdigest()[:16]
    return store / REGISTER / f"{name}.txt"


def _read(entry: Path) -> tuple[Path, str, list[str]]:
    """The folder, the machine that registered it, and the keys."""
    try:
        first, *keys = entry.read_text(encoding="utf-8").splitlines()
        place = json.loads(first)
        return Path(place["folder"]), place["host"], keys
    except (ValueError, KeyError, TypeError) as error:
        raise FoundryError(
            f"{entry} does not say which output folder uses the store; delete it, and call the "
            "sweeps again that use this store, or name their folders with --used-by"
        ) from error


def _reference(folder: Path, keys: Iterable[str], host: str, entry: Path | None) -> Reference:
    if not folder.is_dir():
        state: State = "gone" if host == socket.gethostname() else "elsewhere"
    else:
        state = "at work" if is_locked(folder / LOCK) else "at rest"
    stages = folder / "stages"
    used = [path.name for path in stages.iterdir()] if stages.is_dir() else []
    return Reference(folder, frozenset([*keys, *used]), state, entry)
