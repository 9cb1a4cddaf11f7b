"""A program of its own: what memory one model needs in a fresh process.

It reads a `Request` as JSON from its input and prints the bytes it found as JSON. All it imports
before the model is in `baseline_rss_bytes`, so it imports no more than it must.

B clouds, N points.
"""

import json
import resource
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, TypedDict

PASSES = 3
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
RESET_PEAK = "5"


class Request(TypedDict):
    """What to run.

    Attributes:
        model: a network that torch saved, or an ONNX graph.
        points: points_BN3, as numpy saved them.
        geometry: how a cloud is cut into patches.
        modules: that the network's classes come from.
        precision: of the network.
        device: of torch.
    """

    model: str
    points: str
    geometry: dict[str, int]
    modules: list[str]
    precision: str
    threads: int
    device: str


def main() -> None:
    """Run what standard input asks for."""
    request: Request = json.load(sys.stdin)
    run = _of_graph if request["model"].endswith(".onnx") else _of_network
    print(json.dumps(run(request)))  # noqa: T201


def _of_network(request: Request) -> dict[str, int]:
    import numpy as np
    import torch

    from foundry_bench.cost.engines import inference
    from foundry_bench.geometry.patches import PatchSpec, group

    for name in (*request["modules"], "fpsample"):
        with suppress(ImportError):
            import_module(name)
    torch.set_num_threads(request["threads"])
    device = torch.device(request["device"])
    is_cuda = device.type == "cuda"
    found = {"baseline_rss_bytes": _start()}
    network: Any = torch.load(request["model"], map_location=device, weights_only=False)
    found["loaded_rss_bytes"] = _now()
    if is_cuda:
        found["loaded_allocated_bytes"] = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
    points_BN3 = torch.from_numpy(np.load(request["points"])).to(device)
    spec = PatchSpec(**request["geometry"])
    precision: Any = request["precision"]
    with inference(precision, device):
        for _ in range(PASSES):
            patches = group(points_BN3, spec)
            network(patches.neighbors_BCK3, patches.centers_BC3)
    if is_cuda:
        torch.cuda.synchronize(device)
        found["peak_allocated_bytes"] = torch.cuda.max_memory_allocated(device)
        found["peak_reserved_bytes"] = torch.cuda.max_memory_reserved(device)
    return found | {"peak_rss_bytes": _peak()}


def _of_graph(request: Request) -> dict[str, int]:
    """As on a device: numpy and ONNX Runtime alone."""
    import numpy as np
    import onnxruntime

    from foundry_bench.export.patches import patches

    with suppress(ImportError):
        import_module("fpsample")
    found = {"baseline_rss_bytes": _start()}
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = request["threads"]
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        request["model"], options, providers=["CPUExecutionProvider"]
    )
    found["loaded_rss_bytes"] = _now()
    points_BN3 = np.load(request["points"])
    num, size = request["geometry"]["patches"], request["geometry"]["patch_size"]
    for _ in range(PASSES):
        cut = [patches(points_N3, num, size) for points_N3 in points_BN3]
        inputs = {
            "neighbors": np.stack([neighbors for neighbors, _ in cut]),
            "centers": np.stack([centers for _, centers in cut]),
        }
        session.run(None, inputs)
    return found | {"peak_rss_bytes": _peak()}


def _start() -> int:
    """What the process holds now; its peak starts from here, where the system can do that."""
    with suppress(OSError):
        CLEAR.write_text(RESET_PEAK, encoding="utf-8")
    return _now()


def _now() -> int:
    return _status("VmRSS") or _peak()


def _peak() -> int:
    """Of this program: getrusage's peak is also that of the process that started it."""
    unit = 1 if sys.platform == "darwin" else 1024
    return _status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _status(name: str) -> int | None:
    with suppress(OSError):
        for line in STATUS.read_text(encoding="utf-8").splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    return None


if __name__ == "__main__":
    main()
