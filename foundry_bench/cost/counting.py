"""What one pass through a backbone costs, by part and operator.

B clouds, C patches, K points a patch, D width, N points.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor, nn

from foundry_bench.cost.geometry import fps_ops, knn_ops
from foundry_bench.cost.operators import ATTENTION, MATRIX
from foundry_bench.cost.tracing import trace_of
from foundry_bench.geometry.patches import Patches, PatchSpec
from foundry_bench.models.backbone import Backbone
from foundry_bench.models.segmentation import SegmentationHead, layers_of_thirds

Column = Literal["macs", "flops", "other_ops", "geometry_ops"]
Part = Literal["group", "tokenize", "compress", "encode", "upsample", "head"]
PARTS: tuple[Part, ...] = ("group", "tokenize", "compress", "encode", "upsample", "head")
PART_OF: Mapping[str, Part] = {
    "tokenizer": "tokenize",
    "positions": "tokenize",
    "encoder": "encode",
    "upsample": "upsample",
    "exit": "upsample",
}
"""The part of a backbone's child module; any other compresses."""


@dataclass(frozen=True)
class Work:
    """What one operator does in one part.

    Attributes:
        macs: multiplications with their additions, in products of matrices.
        other_ops: all other arithmetic of the network.
        geometry_ops: arithmetic of FPS and kNN, by formula.
    """

    part: Part
    operator: str
    macs: float = 0
    other_ops: float = 0
    geometry_ops: float = 0

    @property
    def flops(self) -> float:
        """2 × MACs: what is no product of matrices is in `other_ops`."""
        return 2 * self.macs


@dataclass(frozen=True)
class Counts:
    """The cost of a pass.

    Attributes:
        silent: modules that have parameters and counted nothing; there should be none. (Layers do
            without what makes final tokens of the last one: with a head that sees layers, of it.)
    """

    work: tuple[Work, ...]
    silent: tuple[str, ...] = ()

    def total(self, column: Column, *parts: Part) -> float:
        """The sum of a column, over all parts or those named."""
        rows = [row for row in self.work if row.part in (parts or PARTS)]
        return float(sum(getattr(row, column) for row in rows))


def random_patches(spec: PatchSpec, num_clouds: int = 1) -> Patches:
    """Patches without meaning, always the same."""
    stream = torch.Generator().manual_seed(0)
    neighbors_BCK3 = torch.randn(num_clouds, spec.patches, spec.patch_size, 3, generator=stream)
    return Patches(neighbors_BCK3, torch.randn(num_clouds, spec.patches, 3, generator=stream))


@torch.no_grad()
def count(
    backbone: Backbone, head: nn.Module | None = None, patches: Patches | None = None
) -> Counts:
    """The cost of `backbone.tokens` and, if given, of `head` on them, in eval mode; with the head
    of part segmentation, of the layers that it sees and of the parts of all points.

    Of `patches`, or of one cloud of random ones; FPS and kNN that cut them come by formula. An
    operator that stands in no child module of the backbone compresses, except attention, which
    encodes (students that merge walk over the encoder's blocks themselves).

    Raises:
        FoundryError: if the network has an operator that there is no rule for.
    """
    patches = random_patches(backbone.patch_spec) if patches is None else patches
    patches = patches.to(next(backbone.parameters()).device)
    inputs = (patches.neighbors_BCK3, patches.centers_BC3)
    asked = (
        _asked(patches, backbone.patch_spec.points) if isinstance(head, SegmentationHead) else ()
    )
    trace = trace_of(Pass(backbone, head).eval(), (*inputs, *asked))
    found: Counter[tuple[Part, str]] = Counter()
    inside: Counter[str] = Counter()
    for name, _ in backbone.named_children():
        counts = trace.by_module[f"backbone.{name}"]
        inside += counts
        found.update(_keyed(PART_OF.get(name, "compress"), counts))
    of_head = trace.by_module["head"] if head is not None else Counter[str]()
    found.update(_keyed("head", of_head))
    for operator, number in (trace.by_module[""] - inside - of_head).items():
        found[("encode" if operator.startswith(ATTENTION) else "compress", operator)] += number
    work = [
        Work(part, operator, macs=number)
        if operator in MATRIX
        else Work(part, operator, other_ops=number)
        for (part, operator), number in found.items()
    ]
    work.sort(key=lambda row: (PARTS.index(row.part), row.operator))
    silent = trace.silent
    if asked:
        silent = tuple(name for name in silent if name.startswith("head."))
    return Counts((*_grouping(backbone.patch_spec, len(patches)), *work), silent)


def _asked(patches: Patches, num_points: int) -> tuple[Tensor, Tensor]:
    """points_BN3, each the centre of a patch, and labels_B: neither decides what anything costs."""
    centers_BC3 = patches.centers_BC3
    index_N = torch.arange(num_points, device=centers_BC3.device) % centers_BC3.shape[1]
    return centers_BC3[:, index_N], index_N.new_zeros(len(patches))


def _keyed(part: Part, counts: Mapping[str, int]) -> dict[tuple[Part, str], int]:
    return {(part, operator): number for operator, number in counts.items()}


def _grouping(spec: PatchSpec, num_clouds: int) -> Iterable[Work]:
    yield Work("group", "fps", geometry_ops=num_clouds * fps_ops(spec))
    yield Work("group", "knn", geometry_ops=num_clouds * knn_ops(spec))


class Pass(nn.Module):
    """Tensors in, a tensor out: what can be traced and compiled."""

    def __init__(self, backbone: Backbone, head: nn.Module | None) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, neighbors_BCK3: Tensor, centers_BC3: Tensor, *asked: Tensor) -> Tensor:
        """The final tokens, or what the head makes of them; of points and categories that are
        asked about, logits of the points' parts.
        """
        patches = Patches(neighbors_BCK3, centers_BC3)
        if asked:
            layers = self.backbone.layers(patches, layers_of_thirds(self.backbone.depth))
            return cast(Tensor, cast(nn.Module, self.head)(layers, centers_BC3, *asked))
        tokens_BCD = self.backbone.tokens(patches)
        return tokens_BCD if self.head is None else self.head(tokens_BCD)
