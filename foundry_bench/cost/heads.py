"""The heads that models are profiled with: weights that no task has trained."""

from dataclasses import dataclass

from torch import nn

from foundry_bench.models.heads import ClassificationHead
from foundry_bench.tasks.part_segmentation import PartSegmentationSettings


@dataclass(frozen=True)
class HeadSpec:
    """What a head tells apart.

    Attributes:
        classes: of clouds; with `parts` those that the head is told.
        parts: of points: the head of part segmentation; None: that of classification.
    """

    classes: int
    parts: int | None = None

    def build(self, width: int) -> nn.Module:
        """For tokens of that width, as the tasks build it by default."""
        if self.parts is None:
            return ClassificationHead(width, self.classes)
        return PartSegmentationSettings().head(width, self.classes, self.parts)

    @property
    def config(self) -> dict[str, object]:
        """What a record says of it."""
        parts = {} if self.parts is None else {"parts": self.parts}
        return {"classes": self.classes, **parts}
