"""Checksums of many files, remembered: a set of 50,000 files is read once, then only looked at.

What was found is kept in one file a folder, `foundry-bench/checksums/…json` in the user's cache
(`$XDG_CACHE_HOME`, else `~/.cache`). A file is read again if its size or its time of change are
others. Nothing depends on the memory: without it, or where it cannot be written, files are read.
"""

import hashlib
import json
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from foundry_bench.data.slow import watched
from foundry_bench.files import file_digest, replacing

SETTLED_NS = 2_000_000_000
"""A file changed less than 2 s ago could change again without its time of change telling."""


def checksums(folder: Path, names: Sequence[str], label: str) -> list[str]:
    """sha256 of the files `names` (relative to `folder`), in their order.

    `label` stands beside the progress bar, which appears if that takes long.

    Raises:
        FileNotFoundError: if one is missing; its `filename` says which.
    """
    memory = _memory(folder)
    known = _remembered(memory)
    paths = [folder / name for name in names]
    states = [path.stat() for path in paths]
    found: dict[str, list[Any]] = {}
    new = []
    for name, state in zip(names, states, strict=True):
        entry = known.get(name)
        if entry is not None and entry[:2] == [state.st_size, state.st_mtime_ns]:
            found[name] = entry
        else:
            new.append(name)
    now = time.time_ns()
    for name in watched(new, label):
        state = (folder / name).stat()
        found[name] = [state.st_size, state.st_mtime_ns, file_digest(folder / name)]
    settled = {name for name in new if now - found[name][1] > SETTLED_NS}
    if settled:
        _remember(memory, known | {name: found[name] for name in settled})
    return [found[name][2] for name in names]


def _memory(folder: Path) -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    place = hashlib.blake2b(str(folder.resolve()).encode(), digest_size=16).hexdigest()
    return Path(home) / "foundry-bench" / "checksums" / f"{place}.json"


def _remembered(memory: Path) -> dict[str, list[Any]]:
    try:
        entries = json.loads(memory.read_text(encoding="utf-8"))
        if all(len(entry) == 3 and isinstance(entry[2], str) for entry in entries.values()):
            return dict(entries)
    except (OSError, ValueError, AttributeError, TypeError):
        pass
    return {}


def _remember(memory: Path, entries: dict[str, list[Any]]) -> None:
    with suppress(OSError), replacing(memory) as temporary:
        temporary.write_text(json.dumps(entries), encoding="utf-8")
