"""Whether anybody else is at work on the machine that is being timed."""

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from subprocess import CalledProcessError, run
from tempfile import gettempdir
from typing import Any

import torch
from filelock import FileLock

from foundry_bench import provenance
from foundry_bench.errors import FoundryError

Ask = Callable[[Sequence[str]], str]

QUIET_SHARE = 0.1
"""Of the cores; what others take beyond that may show in a timing."""
QUIET_GPU_PERCENT = 5
STATE = {"gpu_clock_mhz": "clocks.sm", "gpu_celsius": "temperature.gpu"}
"""Of a GPU: metric -> what nvidia-smi calls it."""


def fingerprint(device: torch.device) -> dict[str, Any]:
    """What a number measured on `device` is of: its name, and the machine's processor and cores."""
    found = _describe(device)
    return {name: found[name] for name in ("kind", "name", "cpu", "cores")}


def describe_apart(device: str) -> dict[str, Any]:
    """All that is known of `device`, without taking any of a GPU's memory: a process of its own
    looks at it.

    Raises:
        FoundryError: if there is no such GPU.
    """
    if device == "cpu":
        return provenance.device()
    command = [sys.executable, "-c", f"from {__name__} import _print; _print({device!r})"]
    done = run(command, capture_output=True, encoding="utf-8", timeout=300)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise FoundryError(f"--device: {device} cannot be used: {said[-1]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _print(device: str) -> None:
    sys.stdout.write(json.dumps(_describe(torch.device(device))))


def _describe(device: torch.device) -> dict[str, Any]:
    if device.type == "cpu":
        return provenance.device()
    torch.cuda.init()  # it is not named before
    with torch.cuda.device(device):
        return provenance.device()


def load_average() -> float:
    """Processes that ran or waited for a core in the last minute; our own are among them."""
    return os.getloadavg()[0]


class OtherWork:
    """Counts cores that other processes keep busy from now on."""

    STAT = Path("/proc/stat")

    def __init__(self) -> None:
        self._start = self._all_s(), self._own_s(), time.perf_counter()

    def cores(self) -> float | None:
        """Their mean number so far; None where the system does not tell."""
        busy_s, own_s, start_s = self._start
        now_s = self._all_s()
        spent_s = time.perf_counter() - start_s
        if busy_s is None or now_s is None or spent_s <= 0:
            return None
        return max(0.0, (now_s - busy_s - (self._own_s() - own_s)) / spent_s)

    def _own_s(self) -> float:
        times = os.times()
        return times.user + times.system + times.children_user + times.children_system

    def _all_s(self) -> float | None:
        with suppress(OSError, ValueError, IndexError):
            fields = [
                float(word)
                for word in self.STAT.read_text(encoding="utf-8").splitlines()[0].split()[1:9]
            ]
            user, nice, system, _, _, irq, softirq, steal = fields
            busy = user + nice + system + irq + softirq + steal
            return busy / os.sysconf("SC_CLK_TCK")
        return None


def is_busy(cores: float | None) -> bool:
    """Whether others take enough to show in a timing."""
    return cores is not None and cores > QUIET_SHARE * provenance.num_cores()


def turn_on(device: torch.device) -> FileLock:
    """Held by one of this user's measurements of times on `device` at a time, whoever asks: two
    side by side would be of both.
    """
    name = device.type if device.type == "cpu" else f"GPU-{_properties(device).uuid}"
    return FileLock(Path(gettempdir()) / f"foundry-bench-latency-{os.getuid()}-{name}.lock")


def gpu_state(device: torch.device, ask: Ask | None = None) -> dict[str, float]:
    """`gpu_clock_mhz` and `gpu_celsius` of a GPU now; what nvidia-smi does not tell is not there,
    and nothing is of a CPU.
    """
    if device.type == "cpu":
        return {}
    query = [f"--query-gpu={','.join(STATE.values())}", "--format=csv,noheader,nounits"]
    found = {}
    with suppress(FoundryError):
        said = (ask or _nvidia_smi)([f"--id=GPU-{_properties(device).uuid}", *query])
        for name, word in zip(STATE, said.split(","), strict=False):
            with suppress(ValueError):  # such as [N/A]
                found[name] = float(word)
    return found


def _properties(device: torch.device) -> Any:
    return torch.cuda.get_device_properties(device.index or 0)


def gpu_neighbours(index: int, ask: Ask | None = None) -> list[str]:
    """Who else is at work on a GPU, a phrase each, as nvidia-smi tells; to be asked before our own
    work begins. It sees no process of another container, so a GPU that is not idle counts too.

    Raises:
        FoundryError: if nvidia-smi cannot be asked.
    """
    uuid = f"GPU-{torch.cuda.get_device_properties(index).uuid}"
    asked = ask or _nvidia_smi
    apps = asked([f"--id={uuid}", "--query-compute-apps=pid,name", "--format=csv,noheader"])
    found = []
    for line in apps.strip().splitlines():
        pid, _, name = line.partition(",")
        if pid.strip() != str(os.getpid()):
            found.append(f"process {pid.strip()} ({name.strip()})")
    query = ["--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
    percent = asked([f"--id={uuid}", *query]).strip()
    if not found and percent.isdecimal() and int(percent) > QUIET_GPU_PERCENT:
        found.append(f"work that keeps it {percent} % busy")
    return found


def _nvidia_smi(arguments: Sequence[str]) -> str:
    command = ["nvidia-smi", *arguments]
    try:
        return run(command, capture_output=True, encoding="utf-8", timeout=30, check=True).stdout
    except (OSError, CalledProcessError) as error:
        raise FoundryError(
            f"nvidia-smi cannot tell whether anybody else uses the GPU ({error}); give --shared to "
            "measure nevertheless, which marks the rows"
        ) from error
