"""Classification by fine-tuning. B clouds, C tokens, D width."""

from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor, nn

from foundry_bench.config.settings import FinetuneSettings, Seq, ViewSettings, later
from foundry_bench.config.tasks import TrainedTaskSettings
from foundry_bench.data.dataset import Dataset
from foundry_bench.metrics import MetricSpecs, share
from foundry_bench.models.backbone import Backbone
from foundry_bench.models.heads import ClassificationHead, HeadForm
from foundry_bench.seeds import seeded
from foundry_bench.tasks.budgets import at_budgets
from foundry_bench.tasks.finetuning import Supervision, fine_tune
from foundry_bench.tasks.task import Task, TaskData, TaskResult, Training, all_tokens
from foundry_bench.tasks.votes import voted_accuracy
from foundry_bench.training.views import Batch, Views, patch_views

VOTES_SEED = 0
"""Of the views that vote: the same for all backbones and seeds."""


class ClassificationSettings(TrainedTaskSettings):
    """What is asked; the schedule is `finetune`, and says which parts of the backbone train."""

    name: str = "classification"
    head: HeadForm = "mlp"
    """What takes the pooled tokens to classes: one linear layer, or an MLP of 2 or of 3."""
    votes: NonNegativeInt = 0
    """Augmented views of each test cloud over which answers are averaged, for a number of its own.
    """
    vote_mean: Literal["softmax", "logits"] = later("softmax")
    """What is averaged over votes: probabilities as in Point-JEPA's code, or logits as in
    Point-MAE's.
    """
    budgets: Seq[PositiveInt] = ()
    """Token budgets at which a student that heeds one is measured too, without further training."""


class Classification(Task):
    """`classification/1`: backbone and head train on the labels; accuracy on test with the last
    epoch's weights.

    The head takes maximum and mean over the tokens, as the teacher's code does. With `selection:
    val` a fixed tenth of train is held out and chooses the epoch; the test set never does.
    """

    Settings = ClassificationSettings
    settings: ClassificationSettings
    protocol: ClassVar[str] = "classification/1"
    metrics: ClassVar[tuple[str, ...]] = ("accuracy",)
    metric_specs: ClassVar[MetricSpecs] = {"accuracy": share("classification accuracy")}
    trains: ClassVar[bool] = True

    def new_head(
        self, backbone: Backbone, dataset: Dataset, settings: FinetuneSettings
    ) -> nn.Module:
        """For the dataset's classes."""
        return ClassificationHead(
            backbone.width,
            len(dataset.class_names),
            form=self.settings.head,
            dropout=settings.dropout,
        )

    def evaluate(
        self, backbone: Backbone, data: TaskData, training: Training | None = None
    ) -> TaskResult:
        """`accuracy` on test; `val_accuracy` if a validation split chose the epoch;
        `accuracy_at_budget_B` for each of the settings' budgets that the backbone can be given;
        `literature_accuracy`, the best epoch on test, if the protocol is the literature's;
        `voted_accuracy` if there are votes.
        """
        assert training is not None, "classification trains"
        with seeded(training.seed, "init", "head"):
            head = self.new_head(backbone, data.dataset, training.settings)
        head.to(next(backbone.parameters()).device)
        taught = Labelling(backbone, head, data, training.settings)
        tuned = fine_tune(taught, training, literature=self.settings.protocol == "literature")
        metrics = {"accuracy": taught.test_score(), **tuned.metrics}
        metrics |= at_budgets(
            backbone, self.settings.budgets, lambda: {"accuracy": taught.test_score()}
        )
        if self.settings.votes:
            metrics["voted_accuracy"] = self._voted(backbone, head, data, training.views)
        return TaskResult(metrics, tuned.history, head)

    def _voted(
        self, backbone: Backbone, head: nn.Module, data: TaskData, settings: ViewSettings
    ) -> float:
        device = next(backbone.parameters()).device
        rows = data.dataset.splits["test"]
        views = patch_views(data.dataset, rows, backbone.patch_spec, settings, device)
        votes = self.settings.votes
        mean = self.settings.vote_mean
        return voted_accuracy(backbone, head, views, data.test_labels, votes, VOTES_SEED, mean=mean)


class Labelling(Supervision[tuple[Batch, Tensor]]):
    """Clouds with a label each: cross-entropy with label smoothing, and accuracy."""

    score_name = "accuracy"

    def __init__(
        self, backbone: Backbone, head: nn.Module, data: TaskData, settings: FinetuneSettings
    ) -> None:
        self.backbone, self.head = backbone, head
        self.num_examples = len(data.train)
        self._data = data
        self._smoothing = settings.label_smoothing
        self._device = next(head.parameters()).device

    def batch(self, rows_B: Tensor, rng: torch.Generator) -> tuple[Batch, Tensor]:
        """Views and labels."""
        labels_B = self._data.train_labels[rows_B].to(self._device)
        return self._data.train.draw(rows_B, rng), labels_B

    def loss(self, batch: tuple[Batch, Tensor]) -> Tensor:
        """Of the head's logits, in float32."""
        views, labels_B = batch
        logits = self.head(self.backbone.tokens(views.inputs)).float()
        return F.cross_entropy(logits, labels_B, label_smoothing=self._smoothing)

    def score(self, rows: Tensor) -> float:
        """Accuracy on the training clouds `rows`."""
        return accuracy(
            self.backbone, self.head, self._data.plain.subset(rows), self._data.train_labels[rows]
        )

    def test_score(self) -> float:
        """Accuracy on test."""
        return accuracy(self.backbone, self.head, self._data.test, self._data.test_labels)


@torch.inference_mode()
def accuracy(backbone: Backbone, head: nn.Module, views: Views, labels: Tensor) -> float:
    """The share of clouds that are told right."""
    head.eval()
    guesses = torch.cat(
        [head(tokens_BCD).argmax(-1).cpu() for tokens_BCD in all_tokens(backbone, views)]
    )
    return (guesses == labels).double().mean().item()
