"""Classification by fine-tuning. B clouds."""

from pathlib import Path
from typing import ClassVar

import torch
import torch.nn.functional as F
from pydantic import PositiveInt
from torch import Tensor, nn

from foundry_bench.config.settings import FinetuneSettings, NamedSettings, Seq
from foundry_bench.files import replacing
from foundry_bench.models.backbone import Backbone
from foundry_bench.models.heads import ClassificationHead
from foundry_bench.seeds import generator, seeded
from foundry_bench.tasks.task import Task, TaskData, TaskResult, Training, all_tokens
from foundry_bench.training.loop import Objective, fit
from foundry_bench.training.views import Batch, Views

VAL_SHARE = 0.1


class ClassificationSettings(NamedSettings):
    """The protocol is fixed; the schedule is `train.finetune`."""

    name: str = "classification"
    budgets: Seq[PositiveInt] = ()
    """Token budgets at which a student that heeds one is measured too, without further training."""


class Classification(Task):
    """`classification/1`: backbone and head train on the labels; accuracy on test with the last
    epoch's weights.

    The head takes maximum and mean over the tokens, as the teacher's code does. With `selection:
    val` a fixed tenth of train is held out and chooses the epoch; the test set never does.
    """

    Settings = ClassificationSettings
    protocol: ClassVar[str] = "classification/1"
    trains: ClassVar[bool] = True

    def __init__(self, settings: ClassificationSettings) -> None:
        """Keeps the budgets."""
        self._budgets = settings.budgets

    def evaluate(
        self, backbone: Backbone, data: TaskData, training: Training | None = None
    ) -> TaskResult:
        """`accuracy` on test; `val_accuracy` if a validation split chose the epoch;
        `accuracy_at_budget_B` for each of the settings' budgets that the backbone can be given.
        """
        assert training is not None, "classification trains"
        settings = training.settings
        backbone.freeze_all_but(settings.trains)
        device = next(backbone.parameters()).device
        with seeded(training.seed, "init", "head"):
            head = ClassificationHead(
                backbone.width, data.num_classes, dropout=settings.dropout
            ).to(device)
        rows, val_rows = _split(len(data.train), settings)
        best = BestEpoch(training.directory / "best.pt")
        objective = Finetuning(backbone, head, data, settings, rows, val_rows, best)
        history = fit(
            objective,
            settings,
            seed=training.seed,
            directory=training.directory,
            report=training.report,
        )
        if settings.selection == "val":
            best.restore(objective.module)
        metrics = {
            "accuracy": _accuracy(backbone, head, data.test, data.test_labels),
            "train_loss": history[-1]["loss"],
        }
        if settings.selection == "val":
            metrics["val_accuracy"] = best.accuracy
        metrics |= self._at_budgets(backbone, head, data)
        return TaskResult(metrics, history, head)

    def _at_budgets(self, backbone: Backbone, head: nn.Module, data: TaskData) -> dict[str, float]:
        least, usual = backbone.least_budget, backbone.budget
        metrics = {}
        for budget in self._budgets:
            if least is not None and budget >= least:
                backbone.budget = budget
                accuracy = _accuracy(backbone, head, data.test, data.test_labels)
                metrics[f"accuracy_at_budget_{budget}"] = accuracy
        backbone.budget = usual
        return metrics


class BestEpoch:
    """The weights of the epoch with the best validation accuracy, in a file, so that a resumed
    stage knows them.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.accuracy = torch.load(path, weights_only=True)["accuracy"] if path.is_file() else -1.0

    def offer(self, accuracy: float, module: nn.Module) -> None:
        """Keep these weights if they are the best so far."""
        if accuracy > self.accuracy:
            self.accuracy = accuracy
            with replacing(self._path) as temporary:
                torch.save({"accuracy": accuracy, "module": module.state_dict()}, temporary)

    def restore(self, module: nn.Module) -> None:
        """Give `module` the best weights, and remove the file."""
        module.load_state_dict(torch.load(self._path, weights_only=True)["module"])
        self._path.unlink()


class Finetuning(Objective[tuple[Batch, Tensor]]):
    """Cross-entropy with label smoothing."""

    def __init__(
        self,
        backbone: Backbone,
        head: nn.Module,
        data: TaskData,
        settings: FinetuneSettings,
        rows: Tensor,
        val_rows: Tensor,
        best: BestEpoch,
    ) -> None:
        self.module = nn.ModuleDict({"backbone": backbone, "head": head})
        self.num_examples = len(rows)
        self._best = best
        self._backbone, self._head = backbone, head
        self._data, self._rows, self._val_rows = data, rows, val_rows
        self._smoothing = settings.label_smoothing
        self._device = next(head.parameters()).device

    def batch(self, rows_B: Tensor, rng: torch.Generator) -> tuple[Batch, Tensor]:
        """Views and labels."""
        chosen_B = self._rows[rows_B]
        return self._data.train.draw(chosen_B, rng), self._data.train_labels[chosen_B].to(
            self._device
        )

    def loss(self, batch: tuple[Batch, Tensor]) -> Tensor:
        """Of the head's logits, in float32."""
        views, labels_B = batch
        logits = self._head(self._backbone.tokens(views.inputs)).float()
        return F.cross_entropy(logits, labels_B, label_smoothing=self._smoothing)

    def after_epoch(self, epoch: int) -> dict[str, float]:
        """Accuracy on the validation rows, if there are any; keeps the best weights."""
        if not len(self._val_rows):
            return {}
        views = self._data.plain.subset(self._val_rows)
        accuracy = _accuracy(
            self._backbone, self._head, views, self._data.train_labels[self._val_rows]
        )
        self._best.offer(accuracy, self.module)
        return {"val_accuracy": accuracy}


def _split(num: int, settings: FinetuneSettings) -> tuple[Tensor, Tensor]:
    """Rows to train on and rows to validate on; the latter are the same for all seeds."""
    if settings.selection == "last":
        return torch.arange(num), torch.arange(0)
    order = torch.randperm(num, generator=generator(0, "val"))
    held = max(1, round(num * VAL_SHARE))
    return order[held:], order[:held]


@torch.inference_mode()
def _accuracy(backbone: Backbone, head: nn.Module, views: Views, labels: Tensor) -> float:
    head.eval()
    guesses = torch.cat(
        [head(tokens_BCD).argmax(-1).cpu() for tokens_BCD in all_tokens(backbone, views)]
    )
    return (guesses == labels).double().mean().item()
