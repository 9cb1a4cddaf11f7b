"""What is left of a Ray whose driver was killed: nothing, soon."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from foundry_bench.sweep import leftovers
from foundry_bench.sweep.ray_start import _cleared

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks for processes in /proc")

DRIVER = """\
import sys
import time
from foundry_bench.sweep.ray_start import started_ray
from foundry_bench.sweep.slots import Slots

with started_ray(Slots(2)):
    print("ready", file=sys.__stdout__, flush=True)
    time.sleep({sleep_s})
"""
PATIENCE_S = 60.0
"""For Ray to start, on a machine that is busy."""
SOON_S = 15.0
"""An idle machine needs two seconds."""


class Driver:
    """A process that starts a Ray, with a folder for all that is temporary."""

    def __init__(self, temporary: Path, sleep_s: float) -> None:
        self.temporary = temporary
        self.process = subprocess.Popen(
            [sys.executable, "-c", DRIVER.format(sleep_s=sleep_s)],
            env={**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            text=True,
        )

    def commands(self) -> list[str]:
        """The command lines of all that it started and that lives."""
        wanted, found = f"TMPDIR={self.temporary}".encode(), []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                if wanted in (path / "environ").read_bytes().split(b"\0"):
                    found.append((path / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
        return found

    def is_starting(self) -> bool:
        return any("raylet" in command.split(" ")[0] for command in self.commands())

    def has_agents(self) -> bool:
        return any("Agent" in command or "agent" in command for command in self.commands()[1:])

    def is_ready(self) -> bool:
        assert self.process.stdout is not None
        return self.process.stdout.readline() == "ready\n"


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder with a short name: sockets lie below it."""
    folder = Path(tempfile.mkdtemp(prefix="left-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


def wait_for(what: Callable[[], object], limit_s: float = PATIENCE_S) -> bool:
    until = time.monotonic() + limit_s
    while not (found := what()) and time.monotonic() < until:
        time.sleep(0.01)
    return bool(found)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("moment", [Driver.is_starting, Driver.has_agents, Driver.is_ready])
def test_nothing_outlives_a_driver_that_is_killed(
    temporary: Path, moment: Callable[[Driver], bool]
) -> None:
    driver = Driver(temporary, 1000)
    assert wait_for(lambda: moment(driver))
    below = psutil.Process(driver.process.pid).children(recursive=True)
    driver.process.kill()
    driver.process.communicate()
    assert wait_for(lambda: not driver.commands(), SOON_S), driver.commands()
    assert {each.status() for each in below if each.is_running()} <= {psutil.STATUS_ZOMBIE}
    assert not list(temporary.iterdir())


@pytest.mark.timeout(180)
def test_nothing_outlives_a_driver_that_ends(temporary: Path) -> None:
    driver = Driver(temporary, 0)
    driver.process.communicate()
    assert driver.process.returncode == 0
    assert not driver.commands()
    assert not list(temporary.iterdir())


def test_only_the_processes_of_a_folder_are_ended(tmp_path: Path) -> None:
    folders = [tmp_path / "ours", tmp_path / "ours-too"]
    sleepers = []
    for folder in folders:
        folder.mkdir()
        environment = {**os.environ, leftovers.MARK: str(folder)}
        sleepers.append(subprocess.Popen(["sleep", "1000"], env=environment))
    mine, other = sleepers
    try:
        wait_for(lambda: leftovers._marked(str(folders[0])))
        leftovers.end(str(folders[0]))
        assert mine.wait(5) == -9
        assert other.poll() is None
        assert [folder.exists() for folder in folders] == [False, True]
    finally:
        other.kill()
        other.wait()


def test_who_ends_the_ray_of_a_sweep_within_a_sweep_is_not_ended_with_the_outer_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outer, inner = str(tmp_path / "outer"), str(tmp_path / "inner")
    monkeypatch.setenv(leftovers.MARK, outer)
    with _cleared(inner):
        assert not leftovers._marked(outer)
