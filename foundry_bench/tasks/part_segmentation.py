"""Part segmentation by fine-tuning.

B clouds, M clouds of a set, N points, L categories, P parts.
"""

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field, PositiveFloat, PositiveInt, Strict
from torch import Tensor

from foundry_bench.config.settings import FinetuneSettings
from foundry_bench.config.tasks import TrainedTaskSettings
from foundry_bench.data.dataset import Dataset, subsample
from foundry_bench.errors import FoundryError
from foundry_bench.models.backbone import Backbone, Inputs
from foundry_bench.models.segmentation import SegmentationHead, layers_of_thirds
from foundry_bench.seeds import seeded
from foundry_bench.tasks.finetuning import Supervision, fine_tune
from foundry_bench.tasks.miou import guessed_parts, part_mask, segmentation_metrics
from foundry_bench.tasks.task import Task, TaskData, TaskResult, Training
from foundry_bench.training.views import Views

EVALUATED = 32
"""Clouds whose points are labelled at once: many points make large tensors."""
NO_PART = -1

Multiples = Annotated[tuple[PositiveFloat, PositiveFloat], Strict(strict=False)]


class PartFinetuneSettings(FinetuneSettings):
    """Small batches, since a cloud has many points, and no label smoothing, as published."""

    epochs: PositiveInt = 10
    batch: int = Field(16, ge=2)
    lr: PositiveFloat = 3e-3
    label_smoothing: float = Field(0.0, ge=0, lt=1)


class PartSegmentationSettings(TrainedTaskSettings):
    """The schedule is the task's own unless it is null."""

    name: str = "part_segmentation"
    finetune: PartFinetuneSettings | None = PartFinetuneSettings()
    points: PositiveInt | None = None
    """Points of each cloud that are labelled, from its first on; null: those the backbone sees."""
    propagation: Multiples = (1.0, 1.0)
    """Widths of the layers that bring tokens to points, in multiples of the backbone's. The default
    is Point-JEPA's; Point-MAE has 4 and 8/3."""
    hidden: Multiples = (4 / 3, 2 / 3)
    """Widths of the layers after them; as published (512 and 256) for a backbone of width 384."""


class PartSegmentation(Task):
    """`part_segmentation/1`: backbone and head train on the points' parts; mIoU on test with the
    last epoch's weights.

    The head is Point-JEPA's, on the layers that end each third of the encoder; it is told a cloud's
    category. The loss is cross-entropy over all parts of the dataset; a guess is the likeliest part
    of the category. A category's parts are those that its clouds in train and test have. Points
    without a part count nowhere, and clouds of such points alone are left out.
    """

    Settings = PartSegmentationSettings
    protocol: ClassVar[str] = "part_segmentation/1"
    trains: ClassVar[bool] = True
    asks: ClassVar[Literal["labels", "parts"]] = "parts"

    def __init__(self, settings: PartSegmentationSettings) -> None:
        """Keeps the settings."""
        self.settings = settings

    def new_head(
        self, backbone: Backbone, dataset: Dataset, settings: FinetuneSettings
    ) -> SegmentationHead:
        """For the dataset's categories and parts."""
        propagation, hidden = (
            (round(first * backbone.width) or 1, round(second * backbone.width) or 1)
            for first, second in (self.settings.propagation, self.settings.hidden)
        )
        return SegmentationHead(
            backbone.width,
            len(dataset.class_names),
            len(dataset.part_names),
            propagation=propagation,
            hidden=hidden,
            dropout=settings.dropout,
        )

    def evaluate(
        self, backbone: Backbone, data: TaskData, training: Training | None = None
    ) -> TaskResult:
        """`miou_instance`, `miou_class`, `point_accuracy` and, for each category of test,
        `miou_of_<category>`; `val_miou_instance` if a validation split chose the epoch;
        `literature_miou_instance`, the best epoch on test, if the protocol is the literature's.

        Raises:
            FoundryError: if no cloud of train or of test has parts, or has as many points.
        """
        assert training is not None, "part segmentation trains"
        num_points = self.settings.points or backbone.patch_spec.points
        train, test = (
            PartClouds.of(data, split, num_points, next(backbone.parameters()).device)
            for split in ("train", "test")
        )
        with seeded(training.seed, "init", "head"):
            head = self.new_head(backbone, data.dataset, training.settings)
        head.to(train.points_MN3.device)
        taught = PartLabelling(backbone, head, data, train, test, training.settings)
        tuned = fine_tune(taught, training, literature=self.settings.protocol == "literature")
        return TaskResult({**taught.test_metrics(), **tuned.metrics}, tuned.history, head)


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
    def of(cls, data: TaskData, split: str, num_points: int, device: torch.device) -> "PartClouds":
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


class PartLabelling(Supervision[PartBatch]):
    """Points with a part each: cross-entropy over all parts, and mean IoU."""

    score_name = "miou_instance"

    def __init__(
        self,
        backbone: Backbone,
        head: SegmentationHead,
        data: TaskData,
        train: PartClouds,
        test: PartClouds,
        settings: FinetuneSettings,
    ) -> None:
        self.backbone, self.head = backbone, head
        self.num_examples = len(train)
        self._layers = layers_of_thirds(backbone.depth)
        self._train, self._test = train, test
        self._plain = replace(train, views=data.plain)
        self._smoothing = settings.label_smoothing
        self._class_names = data.dataset.class_names
        self._train_mask_LP = _parts_of_categories(data.dataset, "train")
        self._mask_LP = self._train_mask_LP | _parts_of_categories(data.dataset, "test")

    def batch(self, rows_B: Tensor, rng: torch.Generator) -> PartBatch:
        """Views, and the points of the same views."""
        return self._train.draw(rows_B, rng)

    def loss(self, batch: PartBatch) -> Tensor:
        """Over the points that have a part, in float32."""
        return F.cross_entropy(
            self._logits(batch).flatten(0, 1).float(),
            batch.parts_BN.flatten(),
            ignore_index=NO_PART,
            label_smoothing=self._smoothing,
        )

    def score(self, rows: Tensor) -> float:
        """`miou_instance` on the training clouds `rows`, as they are; the test set has no say in
        what the parts of a category are.
        """
        return self._metrics(self._plain, rows, self._train_mask_LP)[self.score_name]

    def test_score(self) -> float:
        """`miou_instance` on the test clouds."""
        return self.test_metrics()[self.score_name]

    def test_metrics(self) -> dict[str, float]:
        """All numbers of the test clouds."""
        return self._metrics(self._test, torch.arange(len(self._test)), self._mask_LP)

    def _logits(self, batch: PartBatch) -> Tensor:
        layers = self.backbone.layers(batch.inputs, self._layers)
        centers_BC3 = batch.inputs.centers_BC3
        logits_BNP: Tensor = self.head(layers, centers_BC3, batch.points_BN3, batch.labels_B)
        return logits_BNP

    @torch.inference_mode()
    def _metrics(self, clouds: PartClouds, rows: Tensor, mask_LP: Tensor) -> dict[str, float]:
        self.backbone.eval()
        self.head.eval()
        found, parts, labels = [], [], []
        for rows_B in rows.split(EVALUATED):
            batch = clouds.draw(rows_B)
            mask_BP = mask_LP.to(batch.labels_B.device)[batch.labels_B]
            found.append(guessed_parts(self._logits(batch), mask_BP).cpu())
            parts.append(batch.parts_BN.cpu())
            labels.append(batch.labels_B.cpu())
        return segmentation_metrics(
            torch.cat(found), torch.cat(parts), torch.cat(labels), mask_LP, self._class_names
        )


def _parts_of_categories(dataset: Dataset, split: str) -> Tensor:
    """mask_LP: as the clouds of the split have them, at any of their points."""
    assert dataset.parts_NP is not None
    rows = dataset.splits[split]
    labels_M, parts_MN = (
        torch.from_numpy(array[rows]) for array in (dataset.labels_N, dataset.parts_NP)
    )
    return part_mask(labels_M, parts_MN, len(dataset.class_names), len(dataset.part_names))
