"""Ends what is left of a driver's own Ray. Also a program, which does so once the driver has died:

    python -IS leftovers.py FOLDER

Its standard input is a pipe that only the driver holds, so its end is the driver's, whatever that
died of. Ray's own means (its processes die with their parent, or look after it now and then) leave
those that are just starting behind. It needs nothing but Python, and so starts at once.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

MARK = "FOUNDRY_BENCH_RAY"
"""Variable in the environment of all processes of a Ray of ours: its folder."""
WATCHED_S = 2.0
"""How long after the driver's death a process may come up that it had just begun to start."""
PATIENCE_S = 10.0


def end(folder: str) -> None:
    """Kill all processes that are marked with `folder`, and remove it; what cannot be killed for a
    while is left alone.
    """
    until = time.monotonic() + PATIENCE_S
    while (found := _marked(folder)) and time.monotonic() < until:
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)
    shutil.rmtree(folder, ignore_errors=True)


def _marked(folder: str) -> list[int]:
    """This user's processes with `folder` as their mark, but this one."""
    mark, own = f"{MARK}={folder}", os.getpid()
    if not Path("/proc/self/environ").exists():  # macOS
        listed = subprocess.run(
            ["ps", "-xwwE", "-o", "pid=,command="],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        lines = [line.split() for line in listed.stdout.splitlines()]
        return [int(words[0]) for words in lines if mark in words and int(words[0]) != own]
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark.encode() in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
    return [pid for pid in found if pid != own]


if __name__ == "__main__":
    sys.stdin.read()
    until = time.monotonic() + WATCHED_S
    while time.monotonic() < until:
        end(sys.argv[1])
        time.sleep(0.1)
