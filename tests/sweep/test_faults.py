"""Disks that are full or read-only under a sweep on a real Ray."""

import io
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console

from foundry_bench.errors import FoundryError
from foundry_bench.sweep.execution import Call, Outcome, run_sweep
from foundry_bench.sweep.expand import expand
from foundry_bench.sweep.folder import Folder
from foundry_bench.sweep.slots import Slots
from tests.sweep.faulty_stages import CHATTY, LARGE
from tests.sweep.planned_stages import sweep_config

Mount = Callable[[str], None]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 5 MiB; `remount` changes it."""
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=5m", "tmpfs", str(path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk takes more rights")
    yield path
    subprocess.run(["umount", "--lazy", str(path)], check=True)


def remount(disk: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(disk)], check=True)


def run(out: Path, store: Path, planner: str, *sizes: int) -> Outcome:
    sweep = sweep_config(axes={"student.supertokens": list(sizes)})
    call = Call(sweep, expand(sweep, 2, 0), out, store, Slots(1), planner=planner)
    return run_sweep(call, Console(file=io.StringIO()))


def times_run(out: Path) -> int:
    logs = (out / "trials").glob("*/log.txt")
    return sum(log.read_text().count("a large result") for log in logs)


def test_a_store_that_is_read_only_or_full_ends_the_sweep_and_the_next_call_goes_on(
    tmp_path: Path, disk: Path
) -> None:
    out, store = tmp_path / "out", disk / "store"
    remount(disk, "ro")
    with pytest.raises(
        FoundryError, match=rf"cannot write to the store {store}: .*--store|read-only"
    ):
        run(out, store, LARGE, 2, 4)
    remount(disk, "rw")
    with pytest.raises(FoundryError, match=rf"the disk of the store {store} is full"):
        run(out, store, LARGE, 2, 4)
    folder = Folder(out)
    assert sum(folder.trial(name) is not None for name in folder.identities()) == 1
    assert times_run(out) == 2
    remount(disk, "size=20m")
    outcome = run(out, store, LARGE, 2, 4)
    assert [record.status for record in outcome.records] == ["done", "done"]
    assert outcome.num_run == 1
    assert times_run(out) == 3, "what was done stays, what found no room runs again"


def test_an_output_folder_that_is_full_ends_the_sweep_and_the_next_call_goes_on(
    tmp_path: Path, disk: Path
) -> None:
    out, store = disk / "out", tmp_path / "store"
    with pytest.raises(FoundryError, match=r"the disk of the .* is full"):
        run(out, store, CHATTY, 9)
    remount(disk, "size=30m")
    outcome = run(out, store, CHATTY, 9)
    assert [record.status for record in outcome.records] == ["done"]
    assert outcome.is_mirrored
