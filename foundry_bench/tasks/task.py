"""The contract of a task, and what a task is given. B clouds."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from foundry_bench.config.settings import FinetuneSettings, ViewSettings
from foundry_bench.config.tasks import TaskSettings
from foundry_bench.data.dataset import Dataset
from foundry_bench.geometry.patches import PatchSpec
from foundry_bench.metrics import MetricSpecs
from foundry_bench.models.backbone import Backbone
from foundry_bench.teachers.teacher import Teacher
from foundry_bench.training.loop import Progressing
from foundry_bench.training.specialise import Questions, of_tokens
from foundry_bench.training.views import Views, patch_views


@dataclass(frozen=True)
class TaskData:
    """Labelled clouds as a backbone takes them.

    Attributes:
        train: augmented views of the training clouds.
        plain: the same clouds as they are.
        test: the test clouds as they are.
        dataset: what the views are of: its splits `train` and `test`, in their order.
        teacher: of the backbone, or the same as it; None unless the task compares the two.
        head: what an earlier task trained with the backbone (`Task.after`), else None.
    """

    train: Views
    plain: Views
    test: Views
    train_labels: Tensor
    test_labels: Tensor
    num_classes: int
    dataset: Dataset
    teacher: Teacher | None = None
    head: nn.Module | None = None

    @classmethod
    def from_views(cls, dataset: Dataset, train: Views, plain: Views, test: Views) -> "TaskData":
        """With the labels of `dataset`'s splits `train` and `test`, which the views show in that
        order.
        """
        train_labels, test_labels = (
            torch.from_numpy(dataset.labels_N[dataset.splits[split]]) for split in ("train", "test")
        )
        num_classes = len(dataset.class_names)
        return cls(train, plain, test, train_labels, test_labels, num_classes, dataset)

    @classmethod
    def from_patches(cls, dataset: Dataset, spec: PatchSpec, device: torch.device) -> "TaskData":
        """Without augmentation, from the points: for tasks that train no backbone."""
        train, test = (
            patch_views(dataset, dataset.splits[split], spec, None, device)
            for split in ("train", "test")
        )
        return cls.from_views(dataset, train, train, test)


@dataclass(frozen=True)
class Training:
    """What a task that trains needs beside its data; tasks that do not train take none of it.

    Attributes:
        views: how the training clouds are augmented.
    """

    settings: FinetuneSettings
    seed: int
    directory: Path
    report: Progressing
    views: ViewSettings = field(default_factory=ViewSettings)


@dataclass(frozen=True)
class TaskResult:
    """A task's numbers, with a line of history per epoch if it trained.

    Attributes:
        head: what was trained with the backbone; None if nothing was.
    """

    metrics: dict[str, float]
    history: list[dict[str, float]] = field(default_factory=list)
    head: nn.Module | None = None


class Task(ABC):
    """`__init__(settings)`, then `evaluate` for any number of backbones.

    Attributes:
        Settings: `tasks:` in a sweep file is checked by them.
        protocol: name and version of what is done, such as `probe/1`; part of a stage's key.
        metrics: names of the numbers that answer it, the first one before all.
        metric_specs: metric -> unit, direction and label; `miou_of_*` covers several metrics.
        trains: whether fine-tuning settings and the seed matter to it.
        after: the task whose trained backbone and head it takes; None: the backbone as it is.
        asks: what else than labels it needs of its clouds.
        compares: whether it needs the teacher beside the backbone.
    """

    Settings: ClassVar[type[TaskSettings]]
    protocol: ClassVar[str]
    metrics: ClassVar[tuple[str, ...]]
    metric_specs: ClassVar[MetricSpecs] = {}
    trains: ClassVar[bool]
    after: ClassVar[str | None] = None
    asks: ClassVar[Literal["labels", "parts"]] = "labels"
    compares: ClassVar[bool] = False

    def __init__(self, settings: TaskSettings) -> None:
        """Keeps the settings."""
        self.settings = settings

    def new_head(
        self, backbone: Backbone, dataset: Dataset, settings: FinetuneSettings
    ) -> nn.Module | None:
        """What it trains with a backbone, not trained yet, for whoever loads or distils one; None
        if there is no such thing.
        """
        return None

    def questions(
        self, backbone: Backbone, data: TaskData, split: Literal["train", "test"]
    ) -> Questions[Any]:
        """What it asks about clouds, for whoever distils the answers of `new_head`."""
        return data.train if split == "train" else data.test

    def answer(self, backbone: Backbone, head: nn.Module, batch: Any) -> Tensor:
        """Logits (..., L) of a backbone with a `new_head` to a batch of `questions`."""
        return of_tokens(backbone, head, batch)

    @property
    def num_trainings(self) -> int:
        """How often the schedule runs."""
        return 1

    @abstractmethod
    def evaluate(
        self, backbone: Backbone, data: TaskData, training: Training | None = None
    ) -> TaskResult:
        """Metrics of `backbone` on the test clouds. A task that trains changes the backbone."""


@torch.inference_mode()
def all_tokens(backbone: Backbone, views: Views) -> list[Tensor]:
    """The backbone's final tokens for all clouds, in chunks, in eval mode."""
    backbone.eval()
    return [backbone.tokens(batch.inputs) for batch in views.chunks()]
