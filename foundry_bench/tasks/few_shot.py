"""Few-shot classification: a few clouds of a few classes, over ten folds. B clouds."""

import copy
import json
import shutil
from dataclasses import asdict, replace
from typing import ClassVar, Self

import numpy as np
import torch
from pydantic import Field, PositiveInt
from torch import Tensor

from foundry_bench.config.settings import FinetuneSettings
from foundry_bench.config.tasks import TrainedTaskSettings
from foundry_bench.data.dataset import Dataset, Fold
from foundry_bench.data.folds import draw_folds
from foundry_bench.data.loader import loader_of
from foundry_bench.errors import FoundryError
from foundry_bench.files import replacing
from foundry_bench.metrics import SHARE, MetricSpec, MetricSpecs, share
from foundry_bench.models.backbone import Backbone
from foundry_bench.models.heads import ClassificationHead, HeadForm
from foundry_bench.seeds import seeded
from foundry_bench.tasks.classification import Labelling
from foundry_bench.tasks.finetuning import FineTuned, fine_tune
from foundry_bench.tasks.task import Task, TaskData, TaskResult, Training
from foundry_bench.training.views import Rows

FOLDS_SEED = 0


class FewShotSettings(TrainedTaskSettings):
    """`way` classes with `shot` training clouds each, `folds` times."""

    name: str = "few_shot"
    way: int = Field(5, ge=2)
    shot: PositiveInt = 10
    folds: PositiveInt = 10
    queries: PositiveInt = 20
    """Most test clouds of a class in a fold, where folds are drawn."""
    head: HeadForm = "mlp"
    finetune: FinetuneSettings | None = FinetuneSettings(epochs=12, batch=16)

    @property
    def usual_label(self) -> str:
        """Such as `few_shot_5w10s`."""
        return f"{self.name}_{self.way}w{self.shot}s"

    def smoke(self) -> Self:
        """One fold of a cloud a class: of all classes of a published one, of two of a drawn one."""
        small = super().smoke().model_copy(update={"folds": 1, "shot": 1})
        if small.data is not None and loader_of(small.data).folds_of() is not None:
            return small
        return small.model_copy(update={"way": 2})


class FewShot(Task):
    """`few_shot/1`: in each fold a copy of the backbone and a new head train on way × shot clouds
    and are asked for the classes of the fold's test clouds, by the last epoch's weights.

    The folds are those of the dataset, where it was published with folds, and else drawn once and
    for all (`draw_folds`): the same for all backbones and seeds, so that seeds alone vary what is
    compared. The mean over folds is the result; their spread stands beside it.
    """

    Settings = FewShotSettings
    settings: FewShotSettings
    protocol: ClassVar[str] = "few_shot/1"
    metrics: ClassVar[tuple[str, ...]] = ("few_shot_accuracy",)
    metric_specs: ClassVar[MetricSpecs] = {
        "few_shot_accuracy": share("few-shot accuracy"),
        "few_shot_std": MetricSpec(label="standard deviation over folds", unit=SHARE),
    }
    trains: ClassVar[bool] = True

    @property
    def num_trainings(self) -> int:
        """One a fold."""
        return self.settings.folds

    def evaluate(
        self, backbone: Backbone, data: TaskData, training: Training | None = None
    ) -> TaskResult:
        """`few_shot_accuracy`, the mean over folds, and `few_shot_std`, their standard deviation;
        the mean of the best test epochs too, if the protocol is the literature's. The history has
        the means over folds of each epoch.
        """
        assert training is not None, "few-shot classification trains"
        folds = self._folds(data.dataset)
        tuned = [
            self._fold(number, fold, backbone, data, training) for number, fold in enumerate(folds)
        ]
        accuracies = [one.metrics["accuracy"] for one in tuned]
        metrics = {
            "few_shot_accuracy": float(np.mean(accuracies)),
            "few_shot_std": float(np.std(accuracies, ddof=1)) if len(folds) > 1 else 0.0,
            "train_loss": float(np.mean([one.metrics["train_loss"] for one in tuned])),
        }
        if self.settings.protocol == "literature":
            best = [one.metrics["literature_accuracy"] for one in tuned]
            metrics["literature_few_shot_accuracy"] = float(np.mean(best))
        return TaskResult(metrics, _mean_history([one.history for one in tuned]))

    def _folds(self, dataset: Dataset) -> tuple[Fold, ...]:
        """Those that the dataset was published with, else drawn ones.

        Raises:
            FoundryError: if there are none of that size, or too few.
        """
        settings = self.settings
        if dataset.folds:
            clouds = settings.way * settings.shot
            for number, fold in enumerate(dataset.folds):
                if (len(fold.classes), len(fold.train)) != (settings.way, clouds):
                    raise FoundryError(
                        f"few_shot asks for {clouds} clouds of {settings.way} classes, fold "
                        f"{number} of '{dataset.name}' has {len(fold.train)} of "
                        f"{len(fold.classes)}: set `way` and `shot` of both alike"
                    )
            if len(dataset.folds) < settings.folds:
                raise FoundryError(
                    f"few_shot asks for {settings.folds} folds, '{dataset.name}' has "
                    f"{len(dataset.folds)}: set `folds` of both alike"
                )
            return dataset.folds[: settings.folds]
        return draw_folds(
            dataset, settings.way, settings.shot, settings.folds, settings.queries, FOLDS_SEED
        )

    def _fold(
        self, number: int, fold: Fold, backbone: Backbone, data: TaskData, training: Training
    ) -> FineTuned:
        """What came of one fold, from its file if a stage that was cut short has left it."""
        path = training.directory / f"fold{number}.json"
        if path.is_file():
            return FineTuned(**json.loads(path.read_text(encoding="utf-8")))
        few = of_fold(data, fold)
        with seeded(training.seed, "init", "head"):
            head = ClassificationHead(
                backbone.width,
                few.num_classes,
                form=self.settings.head,
                dropout=training.settings.dropout,
            ).to(next(backbone.parameters()).device)
        taught = Labelling(copy.deepcopy(backbone), head, few, training.settings)
        report = replace(training.report, earlier=number * training.settings.epochs)
        directory = training.directory / f"fold{number}"
        tuned = fine_tune(
            taught,
            replace(training, report=report, directory=directory),
            literature=self.settings.protocol == "literature",
        )
        tuned.metrics["accuracy"] = taught.test_score()
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(asdict(tuned)), encoding="utf-8")
        shutil.rmtree(directory)  # checkpoints of all folds would take much room
        return tuned


def of_fold(data: TaskData, fold: Fold) -> TaskData:
    """The clouds of one fold, with its labels."""
    labels_N = data.dataset.labels_N
    train, test = (
        _places(data.dataset.splits[split], rows)
        for split, rows in (("train", fold.train), ("test", fold.test))
    )
    return replace(
        data,
        train=data.train.subset(train),
        plain=data.plain.subset(train),
        test=data.test.subset(test),
        train_labels=torch.from_numpy(fold.labels(labels_N[fold.train])),
        test_labels=torch.from_numpy(fold.labels(labels_N[fold.test])),
        num_classes=len(fold.classes),
    )


def _places(split: Rows, rows: Rows) -> Tensor:
    """Where the dataset's `rows` stand in a split."""
    order = np.argsort(split)
    return torch.from_numpy(order[np.searchsorted(split, rows, sorter=order)])


def _mean_history(folds: list[list[dict[str, float]]]) -> list[dict[str, float]]:
    """The mean line of each epoch; times are summed."""
    return [
        {
            name: float(np.sum([line[name] for line in lines]))
            if name == "wall_s"
            else float(np.mean([line[name] for line in lines]))
            for name in lines[0]
        }
        for lines in zip(*folds, strict=True)
    ]
