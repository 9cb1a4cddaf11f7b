"""Whether a graph says what torch says, and how well it answers.

B clouds, N points, P parts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from foundry_bench.errors import FoundryError
from foundry_bench.export.core import Core, PartsCore
from foundry_bench.export.graph import PatchCounts
from foundry_bench.tasks.miou import guessed_parts, segmentation_metrics
from foundry_bench.tasks.part_clouds import PartClouds
from foundry_bench.tasks.task import TaskData
from foundry_bench.training.views import patch_views

Run = Callable[[Mapping[str, Tensor]], Tensor]

TOLERANCE = 1e-4
BATCHES = (1, 4)
NUM_FRESH = 96
"""Procedural clouds on which the answers of two graphs are compared."""
CHUNK = 32


def runtime(graph: Path, threads: int | None = None) -> Run:
    """The graph in ONNX Runtime, on the CPU, by default with as many threads as torch has."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or torch.get_num_threads()
    # its threads would go on spinning beside whoever works next
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def run(inputs: Mapping[str, Tensor]) -> Tensor:
        found = session.run(None, {name: value.numpy() for name, value in inputs.items()})
        return torch.from_numpy(found[0])

    return run


@dataclass(frozen=True)
class Difference:
    """Of a graph to torch: largest absolute one in any cloud, and in the median cloud."""

    largest: float
    median: float


def difference(core: Core, run: Run, counts: PatchCounts) -> Difference:
    """On fresh clouds, in two batch sizes and with two numbers of patches.

    Raises:
        FoundryError: if the median is above 1e-4. A cloud alone may be, where a hard choice is so
            close that rounding decides it.
    """
    found = []
    for num_patches in two_counts(core, counts):
        for num_clouds in BATCHES:
            inputs = core.fresh(num_clouds, num_patches)
            with torch.inference_mode():
                wanted = core(*inputs.values())
            found.append((run(inputs) - wanted).abs().flatten(1).amax(1))
    difference_B = torch.cat(found)
    told = Difference(difference_B.max().item(), difference_B.median().item())
    if not told.median <= TOLERANCE:
        raise FoundryError(
            f"the graph's {core.output} differ from torch's by {told.median:.1g} in the median of "
            f"{len(difference_B)} clouds, expected at most {TOLERANCE}; nothing was exported"
        )
    return told


def two_counts(core: Core, counts: PatchCounts) -> tuple[int, ...]:
    """The backbone's number of patches, and another one near it, if the graph can take one."""
    spec = core.backbone.patch_spec
    others = (spec.patches - spec.patches // 4, spec.patches - 1, spec.patches + 1)
    usable = (num for num in others if num in counts and 0 < num <= spec.points)
    return tuple(dict.fromkeys((spec.patches, next(usable, spec.patches))))


def agreement(core: Core, run: Run, other: Run) -> float:
    """Of two graphs of one core on fresh clouds: the share of answers that are the same, or the
    mean cosine of their tokens.
    """
    inputs = core.fresh(NUM_FRESH, core.backbone.patch_spec.patches)
    first, second = run(inputs), other(inputs)
    if core.output == "tokens":
        return F.cosine_similarity(first, second, dim=-1).mean().item()
    return (first.argmax(-1) == second.argmax(-1)).double().mean().item()


def test_scores(core: Core, run: Run) -> dict[str, float]:
    """The task's metrics of the graph on the test clouds that the record is of."""
    answering = core.answering
    assert answering is not None
    dataset, spec = answering.dataset, core.backbone.patch_spec
    views = patch_views(dataset, dataset.splits["test"], spec, None, torch.device("cpu"))
    data = TaskData.from_views(dataset, views, views, views)
    if isinstance(core, PartsCore):
        clouds = answering.task.questions(core.backbone, data, "test")
        assert isinstance(clouds, PartClouds)
        return _part_scores(core, run, clouds)
    found = [run(core.inputs_of(batch)).argmax(-1) for batch in views.chunks(CHUNK)]
    return {"accuracy": (torch.cat(found) == data.test_labels).double().mean().item()}


def parts_mask(core: Core) -> Tensor:
    """mask_LP: the parts of each category, in train and test as the task has it."""
    assert core.answering is not None
    return torch.from_numpy(core.answering.dataset.part_mask("train", "test"))


def _part_scores(core: PartsCore, run: Run, clouds: PartClouds) -> dict[str, float]:
    assert core.answering is not None
    mask_LP = parts_mask(core)
    found = [
        guessed_parts(run(core.inputs_of(batch)), mask_LP[batch.labels_B])
        for batch in clouds.chunks()
    ]
    names = core.answering.dataset.class_names
    metrics = segmentation_metrics(
        torch.cat(found), clouds.parts_MN, clouds.labels_M, mask_LP, names
    )
    return {name: metrics[name] for name in core.answering.task.metrics}
