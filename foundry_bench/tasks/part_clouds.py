"""Clouds whose points have parts, as part segmentation asks about them.

B clouds, M clouds of a set, N points, L categories, P parts.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, Self

import torch
from torch import Tensor

from foundry_bench.data.dataset import subsample
from foundry_bench.errors import FoundryError
from foundry_bench.models.backbone import Inputs
from foundry_bench.tasks.task import TaskData
from foundry_bench.training.views import Views

CHUNK = 32
"""Clouds whose points are labelled at once: many points make large tensors."""
NO_PART = -1

Split = Literal["train", "test"]


@dataclass(frozen=True)
class PartBatch:
    """Clouds as a backbone takes them, and points of the same view.

    Attributes:
        parts_BN: int64; -1 where there is none.
        labels_B: categories.
    """

    inputs: Inputs
    points_BN3: Tensor
    parts_BN: Tensor
    labels_B: Tensor


@dataclass(frozen=True)
class PartClouds:
    """The clouds of a split that have parts.

    Attributes:
        rows_M: which of the split's clouds they are.
        views: of all of the split's clouds.
    """

    rows_M: Tensor
    views: Views
    points_MN3: Tensor
    parts_MN: Tensor
    labels_M: Tensor

    @classmethod
    def of(cls, data: TaskData, split: Split, num_points: int, device: torch.device) -> Self:
        """Those of `train` (augmented) or `test`, with the first `num_points` points of each.

        Raises:
            FoundryError: if there are none.
        """
        dataset = data.dataset
        if dataset.parts_NP is None:
            raise FoundryError(
                f"part_segmentation: the points of '{dataset.name}' have no parts. Take a dataset "
                "that has them, such as `shapes`; for an archive, say by `data.part` which key of "
                "the file holds them"
            )
        rows = dataset.splits[split]
        points_MN3 = torch.from_numpy(subsample(dataset, rows, num_points))
        parts_MN = torch.from_numpy(dataset.parts_NP[rows, :num_points]).long()
        kept_M = (parts_MN != NO_PART).any(1).nonzero().squeeze(1)
        if not len(kept_M):
            raise FoundryError(
                f"part_segmentation: none of the {len(rows)} {split} clouds of '{dataset.name}' "
                f"has a part among its first {num_points} points; expected at least one"
            )
        views, labels = (
            (data.train, data.train_labels) if split == "train" else (data.test, data.test_labels)
        )
        return cls(
            kept_M,
            views,
            points_MN3[kept_M].to(device),
            parts_MN[kept_M].to(device),
            labels[kept_M].to(device),
        )

    def __len__(self) -> int:
        """M."""
        return len(self.rows_M)

    def draw(self, rows_B: Tensor, rng: torch.Generator | None = None) -> PartBatch:
        """A view of each of the clouds `rows_B` of the M, and their points in that view."""
        batch = self.views.draw(self.rows_M[rows_B], rng)
        here_B = rows_B.to(self.points_MN3.device)
        points_BN3 = self.points_MN3[here_B]
        if batch.view is not None:
            points_BN3 = batch.view(points_BN3)
        return PartBatch(batch.inputs, points_BN3, self.parts_MN[here_B], self.labels_M[here_B])

    def chunks(self) -> Iterator[PartBatch]:
        """All clouds in order."""
        for rows_B in torch.arange(len(self)).split(CHUNK):
            yield self.draw(rows_B)

    def subset(self, rows: Tensor) -> Self:
        """The clouds `rows` of the M alone."""
        here = rows.to(self.points_MN3.device)
        return replace(
            self,
            rows_M=self.rows_M[rows],
            points_MN3=self.points_MN3[here],
            parts_MN=self.parts_MN[here],
            labels_M=self.labels_M[here],
        )
