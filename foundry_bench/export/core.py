"""What becomes a graph: from patches to tokens, to logits, or to logits of each point's parts.

B clouds, C patches, K points a patch, N points.
"""

from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from foundry_bench.data.shapes.generate import generate
from foundry_bench.geometry.patches import Patches, PatchSpec, group
from foundry_bench.models.backbone import Backbone
from foundry_bench.tasks.part_clouds import PartBatch
from foundry_bench.trained import Answering, Trained
from foundry_bench.training.views import Batch

FRESH_SEED = 2**31
"""Of the procedural clouds that a graph is traced and checked with: no dataset has it by default.
"""

Axes = dict[int, str]


class Core(nn.Module):
    """The final tokens (B, C, D), or what a task's head makes of them; nothing random.

    Attributes:
        axes: the inputs by name, in order, with their axes of any length.
        output: name and axes of what comes out.
    """

    axes: ClassVar[dict[str, Axes]] = {
        "neighbors": {0: "batch", 1: "patches"},
        "centers": {0: "batch", 1: "patches"},
    }

    def __init__(
        self,
        backbone: Backbone,
        answering: Answering | None = None,
        head: nn.Module | None = None,
    ) -> None:
        """`head`: of final tokens, where no task has trained one."""
        super().__init__()
        self.backbone, self.answering = backbone, answering
        self.head = head if answering is None else answering.head
        self.output = "tokens" if self.head is None else "logits"

    def forward(self, neighbors_BCK3: Tensor, centers_BC3: Tensor) -> Tensor:
        """Tokens, or logits (B, L)."""
        patches = Patches(neighbors_BCK3, centers_BC3)
        if self.answering is not None:
            return self.answering.task.answer(self.backbone, self.answering.head, Batch(patches))
        tokens_BCD = self.backbone.tokens(patches)
        return tokens_BCD if self.head is None else cast(Tensor, self.head(tokens_BCD))

    def fresh(self, num_clouds: int, num_patches: int) -> dict[str, Tensor]:
        """Inputs of clouds that it has not seen, always the same: procedural shapes, cut into
        `num_patches` patches.
        """
        own = self.backbone.patch_spec
        spec = PatchSpec(own.points, num_patches, own.patch_size)
        made = generate(range(num_clouds), seed=FRESH_SEED, stream="test", num_points=own.points)
        points_BN3, labels_B = torch.from_numpy(made.points_NP3), torch.from_numpy(made.labels_N)
        if self.answering is not None:
            labels_B = labels_B % len(self.answering.dataset.class_names)
        return self.inputs_of(_unanswered(group(points_BN3, spec), points_BN3, labels_B))

    def inputs_of(self, batch: Any) -> dict[str, Tensor]:
        """By name, what `forward` takes of a batch of the task's questions."""
        patches: Patches = batch.inputs
        return {"neighbors": patches.neighbors_BCK3, "centers": patches.centers_BC3}


class PartsCore(Core):
    """logits_BNP of the parts of any points of the clouds, given their categories."""

    axes: ClassVar[dict[str, Axes]] = {
        **Core.axes,
        "points": {0: "batch", 1: "points"},
        "category": {0: "batch"},
    }

    def forward(  # type: ignore[override]
        self, neighbors_BCK3: Tensor, centers_BC3: Tensor, points_BN3: Tensor, category_B: Tensor
    ) -> Tensor:
        """Logits (B, N, P)."""
        assert self.answering is not None
        batch = _unanswered(Patches(neighbors_BCK3, centers_BC3), points_BN3, category_B)
        return self.answering.task.answer(self.backbone, self.answering.head, batch)

    def inputs_of(self, batch: PartBatch) -> dict[str, Tensor]:
        """Points and categories too."""
        asked = {"points": batch.points_BN3, "category": batch.labels_B}
        return {**super().inputs_of(batch), **asked}


def core_of(trained: Trained) -> Core:
    """The core that fits what the task asks, in eval mode."""
    asks = None if trained.answering is None else trained.answering.task.asks
    kind = PartsCore if asks == "parts" else Core
    return kind(trained.backbone, trained.answering).eval()


def _unanswered(patches: Patches, points_BN3: Tensor, category_B: Tensor) -> PartBatch:
    """Clouds whose parts nobody knows."""
    return PartBatch(patches, points_BN3, category_B.new_empty(0), category_B)
