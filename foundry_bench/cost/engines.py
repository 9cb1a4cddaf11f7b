"""A network made ready to run in some way, and whether it still says the same.

B clouds, C patches, K points a patch.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from foundry_bench.cost.counting import Pass
from foundry_bench.cost.ways import Precision, Way
from foundry_bench.errors import FoundryError
from foundry_bench.geometry.patches import Patches

Engine = Callable[[Patches], Tensor]
"""Patches -> logits."""

CHECKED = 8
"""Clouds that an engine's answers are compared on, at least."""
TOLERANCE: dict[Precision, float] = {"fp32": 1e-3, "bf16": 5e-2}
"""Of the median cloud, relative to its largest logit; one whose hard choice rounding decides may
differ by more. There is none for int8, whose difference is told.
"""
WARM_UP = 3
"""Passes before a CUDA graph is recorded."""


@dataclass(frozen=True, eq=False)
class Workshop:
    """Where engines are made.

    Attributes:
        scratch: for graphs that are written once and serve all batches.
        threads: of ONNX Runtime.
        device: of the network.
    """

    scratch: Path
    threads: int
    device: torch.device

    def engine(self, name: str, network: Pass, way: Way, example: Patches) -> Engine:
        """`network`, which has a `name` of its own, run in that way, for batches like `example`.

        Raises:
            Exception: whatever a compiler, exporter or recorder has against the network.
        """
        if way.mode == "onnxruntime":
            return self._onnxruntime(name, network, way.precision)
        run = _torch_engine(network, way, self.device)
        if way.mode == "cuda_graph":
            return _recorded(run, example)
        return run

    def _onnxruntime(self, name: str, network: Pass, precision: Precision) -> Engine:
        from foundry_bench.export.check import runtime

        run = runtime(write_pass(network, self.scratch / f"{name}.onnx", precision), self.threads)
        return lambda patches: run(
            {"neighbors": patches.neighbors_BCK3, "centers": patches.centers_BC3}
        )


def write_pass(network: Pass, path: Path, precision: Precision) -> Path:
    """`network` as an ONNX graph: `path`, or a file beside it for int8; written if not there."""
    from foundry_bench.export.core import Core
    from foundry_bench.export.graph import write_graph, write_int8

    if not path.exists():
        write_graph(Core(network.backbone, head=network.head), path)
    if precision == "fp32":
        return path
    small = path.with_suffix(".int8.onnx")
    if not small.exists():
        write_int8(path, small)
    return small


def _torch_engine(network: Pass, way: Way, device: torch.device) -> Engine:
    module: Any = torch.compile(network, dynamic=False) if way.mode == "compiled" else network

    def run(patches: Patches) -> Tensor:
        with inference(way.precision, device):
            logits: Tensor = module(patches.neighbors_BCK3, patches.centers_BC3)
        return logits

    return run


@contextmanager
def inference(precision: Precision, device: torch.device) -> Iterator[None]:
    """Without gradients, and under autocast for bf16."""
    is_half = precision == "bf16"
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=is_half):
        yield


def _recorded(run: Engine, example: Patches) -> Engine:
    """A CUDA graph of `run`, which replays with new inputs."""
    inputs = Patches(example.neighbors_BCK3.clone(), example.centers_BC3.clone())
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            run(inputs)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        output = run(inputs)

    def replay(patches: Patches) -> Tensor:
        inputs.neighbors_BCK3.copy_(patches.neighbors_BCK3)
        inputs.centers_BC3.copy_(patches.centers_BC3)
        graph.replay()
        return output

    return replay


def difference(engine: Engine, reference: Engine, patches: Patches, batch: int) -> float:
    """Of the answers, in the median cloud, relative to its largest logit; `patches` are asked
    `batch` at a time.
    """
    found = []
    for start in range(0, len(patches), batch):
        chunk = patches.select(slice(start, start + batch))
        wanted_BL = reference(chunk).float().clone()
        apart_B = (engine(chunk).float() - wanted_BL).abs().amax(1)
        found.append(apart_B / wanted_BL.abs().amax(1).clamp_min(1e-12))
    return torch.cat(found).median().item()


def refuse_difference(way: Way, apart: float) -> None:
    """Do nothing if an engine's answers are near enough to eager's.

    Raises:
        FoundryError: if not: its time would be that of another network.
    """
    most = TOLERANCE.get(way.precision)
    if most is not None and not apart <= most:
        raise FoundryError(
            f"its logits differ from eager's by {apart:.1g} of the largest one in the median "
            f"cloud, expected at most {most}"
        )
