"""What a number was measured on and with: device, package versions, commit."""

import os
import platform
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("foundry-bench", "torch", "numpy", "ray", "scikit-learn", "fpsample", "triton")
COMMIT = "FOUNDRY_BENCH_COMMIT"


@cache
def packages(*more: str) -> dict[str, str]:
    """Versions of the installed packages on which a number may depend, and of `more`: what keys do
    not know and records are to tell.
    """
    found = {"python": platform.python_version()}
    for name in (*PACKAGES, *more):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@cache
def commit() -> str | None:
    """The commit of the checkout this runs from (`-dirty` if changed), or None outside of one.

    A cluster's workers are told by `COMMIT`: they get the code without its history.
    """
    if told := os.environ.get(COMMIT):
        return told
    root = Path(__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return None
    options = ("--always", "--dirty", "--abbrev=40", "--exclude=*")
    describe = ["git", "-C", str(root), "describe", *options]
    try:
        done = subprocess.run(
            describe, capture_output=True, encoding="utf-8", timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def num_cores() -> int:
    """CPU cores this process may use: its affinity, and the cgroup's quota where that is less."""
    affinity = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        return affinity
    return affinity if quota == "max" else max(1, min(affinity, int(quota) // int(period)))


def num_gpus() -> int:
    """CUDA devices this process may use; torch is asked only where there is a driver."""
    if not (Path("/proc/driver/nvidia").exists() or Path("/dev/dxg").exists()):
        return 0
    import torch

    return torch.cuda.device_count()


def device() -> dict[str, Any]:
    """What this process computes on, right now: the GPU if one is in use, and the CPU.

    Returns:
        `kind`, `name`, `memory_mib` of the device, `cores` and `cpu` of the machine, `threads` of
        this process.
    """
    found: dict[str, Any] = {
        "kind": "cpu",
        "name": _cpu_name(),
        "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "cpu": _cpu_name(),
        "cores": num_cores(),
        "threads": None,
    }
    torch = sys.modules.get("torch")
    if torch is None:
        return found
    found["threads"] = torch.get_num_threads()
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        properties = torch.cuda.get_device_properties(torch.cuda.current_device())
        memory = properties.total_memory // 2**20
        found |= {
            "kind": "cuda",
            "name": properties.name,
            "memory_mib": memory,
            "cuda": torch.version.cuda,
        }
    return found


@cache
def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
