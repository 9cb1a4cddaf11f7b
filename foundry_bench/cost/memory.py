"""`profile memory` as stages: a fresh process for each model, way and size of batches."""

import json
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from foundry_bench import provenance
from foundry_bench.cost import footprint
from foundry_bench.cost.clouds import procedural_clouds
from foundry_bench.cost.counting import Pass
from foundry_bench.cost.engines import write_pass
from foundry_bench.cost.footprint import Request
from foundry_bench.cost.lanes import Conditions, Lane
from foundry_bench.cost.subjects import Subject
from foundry_bench.cost.ways import Way
from foundry_bench.errors import FoundryError
from foundry_bench.stage import Stage, StageResult
from foundry_bench.teachers.teacher import Teacher

MEMORY_VERSION = 1
TASK = "memory"
OFFERED = (
    Way("eager"),
    Way("eager", "bf16"),
    Way("onnxruntime"),
    Way("onnxruntime", "int8"),
)
"""Ways whose memory is that of the network: compiling and recording need more than running does."""
MOST_S = 600


@dataclass(frozen=True)
class MemoryProfile:
    """What memory a teacher and its students need.

    Attributes:
        scratch: where the files for the processes are written, each model once.
    """

    conditions: Conditions
    scratch: Path

    def stage(self, lane: Lane, batch: int) -> Stage:
        """Of one model, run in one way. Its numbers are of this hardware and these packages, which
        are in the key.
        """
        config = {
            "profile": TASK,
            **self.conditions.config(lane, batch),
            "packages": provenance.packages(),
        }
        return Stage(
            "profile",
            MEMORY_VERSION,
            config,
            lambda context: StageResult(metrics_of(self._measure(lane, batch))),
            fingerprints=lane.subject.fingerprints(self.conditions.source),
            task=TASK,
            packages=lane.way.packages,
        )

    @cached_property
    def _teacher(self) -> Teacher:
        return self.conditions.source.build()

    def _measure(self, lane: Lane, batch: int) -> dict[str, int]:
        network = self.conditions.network(lane.subject, self._teacher)
        spec = network.backbone.patch_spec
        folder = self.scratch / self._names[lane.subject]
        folder.mkdir(exist_ok=True)
        points = folder / f"points-{batch}.npy"
        np.save(points, procedural_clouds(batch, spec.points).numpy())
        return measure(
            {
                "model": str(_written(network, lane.way, folder)),
                "points": str(points),
                "geometry": asdict(spec),
                "modules": sorted({type(module).__module__ for module in network.modules()}),
                "precision": lane.way.precision,
                "threads": self.conditions.threads,
                "device": str(self.conditions.device),
            }
        )

    @cached_property
    def _names(self) -> dict[Subject, str]:
        """Of folders, as models come."""
        return defaultdict(lambda: str(len(self._names)))


def metrics_of(found: Mapping[str, int]) -> dict[str, float]:
    """A record's numbers: what the process found, `own_rss_bytes` (the peak without imports), and
    `activation_bytes` (the peak without imports and weights; on a GPU, of what torch allocated).
    """
    kind = "allocated" if "peak_allocated_bytes" in found else "rss"
    own = found["peak_rss_bytes"] - found["baseline_rss_bytes"]
    activations = found[f"peak_{kind}_bytes"] - found[f"loaded_{kind}_bytes"]
    numbers = {**found, "own_rss_bytes": own, "activation_bytes": activations}
    return {name: float(number) for name, number in numbers.items()}


def measure(request: Request) -> dict[str, int]:
    """What a process of its own needs for `request`.

    Raises:
        MemoryError: if it was killed, as the system does with those that take too much.
        FoundryError: if it failed otherwise, with what it said last.
    """
    command = [sys.executable, "-X", "utf8", "-m", footprint.__name__]
    done = subprocess.run(
        command, input=json.dumps(request), capture_output=True, encoding="utf-8", timeout=MOST_S
    )
    if done.returncode == -signal.SIGKILL:
        raise MemoryError("the process was killed")
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise FoundryError(f"a fresh process could not run it: {said[-1]}")
    found: dict[str, int] = json.loads(done.stdout)
    return found


def _written(network: Pass, way: Way, folder: Path) -> Path:
    if way.mode == "onnxruntime":
        return write_pass(network, folder / "model.onnx", way.precision)
    path = folder / "model.pt"
    if not path.exists():
        torch.save(network, path)
    return path
