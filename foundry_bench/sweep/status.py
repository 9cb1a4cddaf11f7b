"""The state of a sweep from its output folder alone."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from rich.console import Group
from rich.text import Text

from foundry_bench.config.load import load_trial
from foundry_bench.errors import FoundryError
from foundry_bench.sweep.board import Row, finish_row, waiting_row
from foundry_bench.sweep.display import clock, table
from foundry_bench.sweep.folder import LOCK, PROGRESS, SUMMARY, Folder, read_mapping


def status(directory: Path) -> dict[str, Any]:
    """Trials by state and one by one.

    Returns:
        `schema_version`, `directory`, `is_running`, `counts` (state -> number of trials),
        `elapsed_s` and `left_s` (of a running sweep, or None), `summary` (of the last call that
        ended, or empty) and `trials`, each with the fields of `Row`; states are `waiting`,
        `running` and the statuses of records.

    Raises:
        FoundryError: if the folder holds no sweep.
    """
    folder = Folder(directory.absolute())
    identities = folder.identities()
    if not identities:
        raise FoundryError(
            f"{directory} holds no trials; give the output folder of a sweep, such as runs/<name>"
        )
    is_running = is_locked(folder.root / LOCK)
    progress = read_mapping(folder.root / PROGRESS) if is_running else {}
    running, waiting = progress.get("running", {}), folder.waiting()
    rows = [_row(folder, identity, running, waiting) for identity in identities]
    return {
        "schema_version": 1,
        "directory": str(folder.root),
        "is_running": is_running,
        "counts": dict(Counter(row.state for row in rows)),
        "elapsed_s": progress.get("elapsed_s"),
        "left_s": progress.get("left_s"),
        "summary": read_mapping(folder.root / SUMMARY),
        "trials": [asdict(row) for row in rows],
    }


def render(found: dict[str, Any]) -> Group:
    """What `status` found, for people."""
    counts = " · ".join(f"{count} {state}" for state, count in sorted(found["counts"].items()))
    words = [counts, "running" if found["is_running"] else "not running"]
    words += [f"{clock(found['left_s'])} left"] if found["left_s"] is not None else []
    rows = [Row(**trial) for trial in found["trials"]]
    return Group(Text(" · ".join(words), style="bold"), table(rows, rows))


def _row(folder: Folder, identity: str, running: dict[str, Any], waiting: dict[str, Row]) -> Row:
    record = folder.trial(identity)
    if record is not None:
        row = Row(identity, record.role, record.variant, record.seed, dict(record.varies))
        finish_row(row, record, folder.metrics(record), folder.results(record))
        return row
    if identity in running:
        return Row(**running[identity])
    if identity in waiting:
        return waiting[identity]
    return waiting_row(load_trial(folder.root / "trials" / identity / "trial.yaml"))


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock in the file `path`."""
    if not path.exists():
        return False
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError):
        return True
    lock.release()
    return False
