"""Part segmentation by fine-tuning.

B clouds, N points, L categories, P parts.
"""

from dataclasses import replace
from typing import ClassVar, Literal, cast

import torch
import torch.nn.functional as F
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor, nn

from foundry_bench.config.settings import FinetuneSettings, Pair, Seq
from foundry_bench.config.tasks import TrainedTaskSettings
from foundry_bench.data.dataset import Dataset
from foundry_bench.metrics import MetricSpecs, share
from foundry_bench.models.backbone import Backbone
from foundry_bench.models.segmentation import SegmentationHead, layers_of_thirds
from foundry_bench.seeds import seeded
from foundry_bench.tasks.budgets import at_budgets
from foundry_bench.tasks.finetuning import Supervision, fine_tune
from foundry_bench.tasks.miou import guessed_parts, segmentation_metrics
from foundry_bench.tasks.part_clouds import (
    NO_PART,
    PartBatch,
    PartClouds,
    Split,
)
from foundry_bench.tasks.task import Task, TaskData, TaskResult, Training


class PartFinetuneSettings(FinetuneSettings):
    """Small batches, since a cloud has many points, and no label smoothing, as published."""

    epochs: PositiveInt = 10
    batch: int = Field(16, ge=2)
    lr: PositiveFloat = 5e-3
    label_smoothing: float = Field(0.0, ge=0, lt=1)


class PartSegmentationSettings(TrainedTaskSettings):
    """The schedule is the task's own unless it is null."""

    name: str = "part_segmentation"
    finetune: PartFinetuneSettings | None = PartFinetuneSettings()
    features: Literal["layers", "tokens"] = "layers"
    """What the head sees: the layers that end each third of the encoder, as published, or the final
    tokens alone, which are what a student was distilled to give back.
    """
    points: PositiveInt | None = None
    """Points of each cloud that are labelled, from its first on; null: those the backbone sees."""
    propagation: Pair[PositiveFloat] = (1.0, 1.0)
    """Widths of the layers that bring tokens to points, in multiples of the backbone's. The default
    is Point-JEPA's; Point-MAE has 4 and 8/3."""
    hidden: Pair[PositiveFloat] = (4 / 3, 2 / 3)
    """Widths of the layers after them; as published (512 and 256) for a backbone of width 384."""
    budgets: Seq[PositiveInt] = ()
    """Token budgets at which a student that heeds one is measured too, without further training."""

    def head(
        self, width: int, num_classes: int, num_parts: int, *, dropout: float = 0.0
    ) -> SegmentationHead:
        """For tokens of that width."""
        propagation, hidden = (
            (round(first * width) or 1, round(second * width) or 1)
            for first, second in (self.propagation, self.hidden)
        )
        return SegmentationHead(
            width, num_classes, num_parts, propagation=propagation, hidden=hidden, dropout=dropout
        )


class PartSegmentation(Task):
    """`part_segmentation/1`: backbone and head train on the points' parts; mIoU on test with the
    last epoch's weights.

    The head is Point-JEPA's, on the layers that end each third of the encoder (or on the final
    tokens, `features`); it is told a cloud's category. The loss is cross-entropy over all parts of
    the dataset; a guess is the likeliest part of the category. A category's parts are those that
    its clouds in train and test have. Points without a part count nowhere, and clouds of such
    points alone are left out.
    """

    Settings = PartSegmentationSettings
    settings: PartSegmentationSettings
    protocol: ClassVar[str] = "part_segmentation/1"
    metrics: ClassVar[tuple[str, ...]] = ("miou_instance", "miou_class", "point_accuracy")
    metric_specs: ClassVar[MetricSpecs] = {
        "miou_instance": share("instance mIoU"),
        "miou_class": share("class mIoU"),
        "point_accuracy": share("point accuracy"),
        "miou_of_*": share("mIoU of {}"),
    }
    trains: ClassVar[bool] = True
    asks: ClassVar[Literal["labels", "parts"]] = "parts"

    def new_head(
        self, backbone: Backbone, dataset: Dataset, settings: FinetuneSettings
    ) -> SegmentationHead:
        """For the dataset's categories and parts."""
        names = len(dataset.class_names), len(dataset.part_names)
        return self.settings.head(backbone.width, *names, dropout=settings.dropout)

    def questions(self, backbone: Backbone, data: TaskData, split: Split) -> PartClouds:
        """The points of the clouds that have parts."""
        num_points = self.settings.points or backbone.patch_spec.points
        return PartClouds.of(data, split, num_points, next(backbone.parameters()).device)

    def answer(self, backbone: Backbone, head: nn.Module, batch: PartBatch) -> Tensor:
        """logits_BNP of the batch's points."""
        if self.settings.features == "tokens":
            layers = [backbone.tokens(batch.inputs)]
        else:
            layers = backbone.layers(batch.inputs, layers_of_thirds(backbone.depth))
        return cast(
            Tensor, head(layers, batch.inputs.centers_BC3, batch.points_BN3, batch.labels_B)
        )

    def evaluate(
        self, backbone: Backbone, data: TaskData, training: Training | None = None
    ) -> TaskResult:
        """`miou_instance`, `miou_class`, `point_accuracy` and, for each category of test,
        `miou_of_<category>`; `val_miou_instance` if a validation split chose the epoch;
        `literature_miou_instance`, the best epoch on test, if the protocol is the literature's;
        both means at the settings' budgets, as `miou_instance_at_budget_B` and so on.

        Raises:
            FoundryError: if no cloud of train or of test has parts, or has as many points.
        """
        assert training is not None, "part segmentation trains"
        train, test = (self.questions(backbone, data, split) for split in ("train", "test"))
        with seeded(training.seed, "init", "head"):
            head = self.new_head(backbone, data.dataset, training.settings)
        head.to(train.points_MN3.device)
        taught = PartLabelling(self, backbone, head, data, train, test, training.settings)
        tuned = fine_tune(taught, training, literature=self.settings.protocol == "literature")
        metrics = {**taught.test_metrics(), **tuned.metrics}
        metrics |= at_budgets(backbone, self.settings.budgets, lambda: _means(taught))
        return TaskResult(metrics, tuned.history, head)


def _means(taught: "PartLabelling") -> dict[str, float]:
    """The two means, without the categories'."""
    metrics = taught.test_metrics()
    return {name: metrics[name] for name in ("miou_instance", "miou_class")}


class PartLabelling(Supervision[PartBatch]):
    """Points with a part each: cross-entropy over all parts, and mean IoU."""

    score_name = "miou_instance"

    def __init__(
        self,
        task: PartSegmentation,
        backbone: Backbone,
        head: SegmentationHead,
        data: TaskData,
        train: PartClouds,
        test: PartClouds,
        settings: FinetuneSettings,
    ) -> None:
        self.backbone, self.head = backbone, head
        self._task = task
        self.num_examples = len(train)
        self._train, self._test = train, test
        self._plain = replace(train, views=data.plain)
        self._smoothing = settings.label_smoothing
        self._class_names = data.dataset.class_names
        self._train_mask_LP, self._mask_LP = (
            torch.from_numpy(data.dataset.part_mask(*splits))
            for splits in (("train",), ("train", "test"))
        )

    def batch(self, rows_B: Tensor, rng: torch.Generator) -> PartBatch:
        """Views, and the points of the same views."""
        return self._train.draw(rows_B, rng)

    def loss(self, batch: PartBatch) -> Tensor:
        """Over the points that have a part, in float32."""
        return F.cross_entropy(
            self._task.answer(self.backbone, self.head, batch).flatten(0, 1).float(),
            batch.parts_BN.flatten(),
            ignore_index=NO_PART,
            label_smoothing=self._smoothing,
        )

    def score(self, rows: Tensor) -> float:
        """`miou_instance` on the training clouds `rows`, as they are; the test set has no say in
        what the parts of a category are.
        """
        return self._metrics(self._plain.subset(rows), self._train_mask_LP)[self.score_name]

    def test_score(self) -> float:
        """`miou_instance` on the test clouds."""
        return self.test_metrics()[self.score_name]

    def test_metrics(self) -> dict[str, float]:
        """All numbers of the test clouds."""
        return self._metrics(self._test, self._mask_LP)

    @torch.inference_mode()
    def _metrics(self, clouds: PartClouds, mask_LP: Tensor) -> dict[str, float]:
        self.backbone.eval()
        self.head.eval()
        found, parts, labels = [], [], []
        for batch in clouds.chunks():
            mask_BP = mask_LP.to(batch.labels_B.device)[batch.labels_B]
            found.append(
                guessed_parts(self._task.answer(self.backbone, self.head, batch), mask_BP).cpu()
            )
            parts.append(batch.parts_BN.cpu())
            labels.append(batch.labels_B.cpu())
        return segmentation_metrics(
            torch.cat(found), torch.cat(parts), torch.cat(labels), mask_LP, self._class_names
        )
