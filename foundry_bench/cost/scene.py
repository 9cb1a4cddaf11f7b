"""One scene through one model, in a process of its own: `python -m foundry_bench.cost.scene`.

Reads a `SceneRequest` as JSON from standard input and writes numbers as JSON to standard output.
The process ends with exit code `OOM` where memory was not enough.
"""

import json
import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import torch
from scipy.spatial import KDTree
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from foundry_bench.cost.weights import num_parameters
from foundry_bench.geometry.patches import Patches, PatchSpec, group
from foundry_bench.models.backbone import Backbone
from foundry_bench.registries import STUDENTS, TEACHERS
from foundry_bench.seeds import seeded
from foundry_bench.store import diagnose

OOM = 3
"""The exit code for a lack of memory."""

MOST_PASSES, ENOUGH_S = 5, 10.0
"""Timed passes end after so many, or so many seconds."""

BUCKET_HEIGHT = 9
"""Of fpsample's tree: what its authors advise for clouds of this size."""

BACKENDS = {
    "materialised": [SDPBackend.MATH],
    "fused": [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION],
}


@dataclass(frozen=True)
class SceneRequest:
    """What is to be measured.

    Attributes:
        architecture: of the teacher, with the scene's points and patches.
        student: its settings; None: the teacher.
        attention: a key of `BACKENDS`.
        memory_limit: bytes that the process, or on a GPU the process and its context, may take;
            None: on a CPU what is free now, on a GPU all.
    """

    architecture: dict[str, Any]
    student: dict[str, Any] | None
    attention: str
    device: str
    threads: int
    memory_limit: int | None


def measure(request: SceneRequest) -> dict[str, float]:
    """The numbers of a scene: time of cutting it and of passes, the peak of memory."""
    torch.set_num_threads(request.threads)
    metrics: dict[str, float] = {}
    device = torch.device(request.device)
    metrics |= _confine(device, request.memory_limit)
    backbone = build(request.architecture, request.student)
    metrics["parameters"] = float(num_parameters(backbone))
    points_13 = _scene(backbone.patch_spec.points).to(device)
    backbone.to(device)
    if device.type == "cuda":  # kernels are compiled when they first run
        cut(points_13, backbone.patch_spec)
    start = _now(device)
    patches = cut(points_13, backbone.patch_spec)
    metrics["group_ms"] = (_now(device) - start) * 1e3
    with torch.inference_mode(), sdpa_kernel(BACKENDS[request.attention]):
        metrics |= _time(lambda: backbone.tokens(patches), device)
    return metrics | _peaks(device)


def cut(points_1N3: Tensor, spec: PatchSpec) -> Patches:
    """As `group` cuts clouds, but that a large scene is cut in time on a CPU too: FPS by buckets,
    which start at a point of their own choice and go on as FPS does, and kNN by a tree.
    """
    if points_1N3.is_cuda:
        return group(points_1N3, spec)
    points_N3 = points_1N3[0].numpy()
    sampling = import_module("fpsample").bucket_fps_kdline_sampling
    picks_C = sampling(points_N3, spec.patches, h=BUCKET_HEIGHT, start_idx=0).astype(np.int64)
    _, index_CK = KDTree(points_N3).query(points_N3[picks_C], k=range(1, spec.patch_size + 1))
    centers_1C3 = points_1N3[:, picks_C]
    return Patches(points_1N3[:, index_CK] - centers_1C3[:, :, None], centers_1C3)


def build(architecture: Mapping[str, Any], student: Mapping[str, Any] | None) -> Backbone:
    """A teacher, or a student of it, with random weights: they decide nothing here."""
    settings = TEACHERS.get(architecture["name"]).Settings(**architecture)
    with seeded(0, "init", "scene"):
        teacher = TEACHERS.get(settings.name)(settings).eval()
        if student is None:
            return teacher
        kind = STUDENTS.get(student["name"])
        pupil = kind(teacher, kind.Settings(**student))
    pupil.settle(teacher)
    return pupil.eval()


def _scene(num_points: int) -> Tensor:
    """points_1N3 of a floor with boxes on it, always the same: surfaces, as in scans."""
    random = np.random.default_rng(0)
    points_N3 = random.uniform(-1, 1, (num_points, 3))
    points_N3[:, 1] = 0.0
    box_N = random.integers(0, 40, num_points)
    is_box = random.random(num_points) < 0.6
    centers = random.uniform(-0.9, 0.9, (40, 3)) * (1, 0, 1)
    on_box = centers[box_N] + 0.08 * random.uniform(-1, 1, (num_points, 3))
    points_N3[is_box] = np.where(
        (np.arange(3) == random.integers(0, 3, num_points)[:, None])[is_box],
        (centers[box_N] + 0.08)[is_box],
        on_box[is_box],
    )
    return torch.from_numpy(points_N3.astype(np.float32))[None]


def _confine(device: torch.device, limit: int | None) -> dict[str, float]:
    """Let the process have no more than `limit` bytes; what that leaves of a GPU is emulated."""
    if device.type == "cuda":
        torch.zeros(1, device=device)
        free, total = torch.cuda.mem_get_info(device)
        context = total - free - torch.cuda.memory_reserved(device)
        if limit is not None:
            share = max(0.0, min(1.0, (limit - context) / total))
            torch.cuda.set_per_process_memory_fraction(share, device)
        return {"context_bytes": float(context), "limit_bytes": float(limit or total)}
    most = _available() if limit is None else limit
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    return {"start_rss_bytes": _rss(), "limit_bytes": float(most)}


def _available() -> int:
    """Nine tenths of the memory that is free, so that the system need not kill anyone."""
    return _kibibytes("/proc/meminfo", "MemAvailable") * 1024 * 9 // 10


def _time(run: Callable[[], Tensor], device: torch.device) -> dict[str, float]:
    """Quartiles of passes after a first one, or that one alone where it takes long."""
    seconds: list[float] = []
    begin = start = _now(device)
    for _ in range(MOST_PASSES + 1):
        run()
        end = _now(device)
        seconds.append(end - start)
        start = end
        if end - begin > ENOUGH_S:
            break
    timed = seconds[1:] or seconds
    low, middle, high = (1e3 * np.quantile(timed, [0.25, 0.5, 0.75])).tolist()
    quartiles = {"time_ms_q1": low, "time_ms_median": middle, "time_ms_q3": high}
    return {**quartiles, "time_n": float(len(timed))}


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _peaks(device: torch.device) -> dict[str, float]:
    if device.type == "cuda":
        return {
            "peak_allocated_bytes": float(torch.cuda.max_memory_allocated(device)),
            "peak_reserved_bytes": float(torch.cuda.max_memory_reserved(device)),
        }
    return {"peak_rss_bytes": _rss()}


def _rss() -> float:
    """The most memory that the process has had; `getrusage` would tell of its parent's too."""
    return _kibibytes("/proc/self/status", "VmHWM") * 1024.0


def _kibibytes(path: str, name: str) -> int:
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def main(source: TextIO, target: TextIO) -> int:
    """The exit code."""
    request = SceneRequest(**json.load(source))
    try:
        metrics = measure(request)
    except Exception as error:
        status, message = diagnose(error)
        if status == "oom" or isinstance(error, torch.OutOfMemoryError) or "bad_alloc" in message:
            return OOM
        raise
    json.dump(metrics, target)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.stdin, sys.stdout))
