"""Fine-tuning of a backbone with a head, whatever the task: schedule, freezing, choice of epoch.

B clouds.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from foundry_bench.config.settings import FinetuneSettings, Part
from foundry_bench.errors import FoundryError
from foundry_bench.files import replacing
from foundry_bench.models.backbone import Backbone
from foundry_bench.seeds import generator
from foundry_bench.tasks.task import Training
from foundry_bench.training.loop import Objective, fit

VAL_SHARE = 0.1

B = TypeVar("B")


class Supervision(ABC, Generic[B]):
    """What a backbone and its head are taught, and the score that may choose an epoch.

    Attributes:
        score_name: what the score is called in records, such as `accuracy`.
        num_examples: training examples.
    """

    score_name: str
    backbone: Backbone
    head: nn.Module
    num_examples: int

    @abstractmethod
    def batch(self, rows_B: Tensor, rng: torch.Generator) -> B:
        """The training examples `rows_B` as they look this time."""

    @abstractmethod
    def loss(self, batch: B) -> Tensor:
        """The mean loss over a batch."""

    @abstractmethod
    def score(self, rows: Tensor) -> float:
        """On the training examples `rows`, as they are."""

    @abstractmethod
    def test_score(self) -> float:
        """On the test examples."""


@dataclass(frozen=True)
class FineTuned:
    """What fine-tuning leaves beside the weights.

    Attributes:
        metrics: `train_loss`, and the scores that chose or could have chosen an epoch.
    """

    metrics: dict[str, float]
    history: list[dict[str, float]]


def fine_tune(taught: Supervision[Any], training: Training, *, literature: bool) -> FineTuned:
    """Train head and backbone; the weights are then those of the last epoch or, with `selection:
    val`, of the best on a fixed tenth of train, the same for all seeds.

    Args:
        taught: backbone and head are trained in place.
        training: the schedule, and where checkpoints go.
        literature: score the test set after each epoch too, and report its best as
            `literature_<score>`. The weights are not chosen by it.

    Raises:
        FoundryError: if there are fewer than 2 examples to train on.
    """
    settings = training.settings
    rows, val_rows = split(taught.num_examples, settings)
    if len(rows) < 2:
        raise FoundryError(
            f"fine-tuning has {len(rows)} of {taught.num_examples} training clouds to learn from "
            f"({len(val_rows)} are for validation), and the head's batch norm needs 2: take data "
            "with more training clouds"
        )
    best = _BestEpoch(training.directory / "best.pt")
    objective = _FineTuning(taught, settings, rows, val_rows, best, literature=literature)
    history = fit(
        objective,
        settings,
        seed=training.seed,
        directory=training.directory,
        report=training.report,
    )
    name = taught.score_name
    metrics = {"train_loss": history[-1]["loss"]}
    if settings.selection == "val":
        best.restore(objective.module)
        metrics[f"val_{name}"] = best.score
    if literature:
        metrics[f"literature_{name}"] = max(line[f"test_{name}"] for line in history)
    return FineTuned(metrics, history)


def split(num: int, settings: FinetuneSettings) -> tuple[Tensor, Tensor]:
    """Rows to train on and rows to validate on; the latter are the same for all seeds."""
    if settings.selection == "last":
        return torch.arange(num), torch.arange(0)
    order = torch.randperm(num, generator=generator(0, "val"))
    held = max(1, round(num * VAL_SHARE))
    return order[held:], order[:held]


class _BestEpoch:
    """The weights of the epoch with the best validation score, in a file, so that a resumed stage
    knows them.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.score = self._read()["score"] if path.is_file() else -1.0

    def offer(self, score: float, module: nn.Module) -> None:
        """Keep these weights if they are the best so far."""
        if score > self.score:
            self.score = score
            with replacing(self._path) as temporary:
                torch.save({"score": score, "module": module.state_dict()}, temporary)

    def restore(self, module: nn.Module) -> None:
        """Give `module` the best weights."""
        module.load_state_dict(self._read()["module"])

    def _read(self) -> Any:
        return torch.load(self._path, weights_only=True, map_location="cpu")


class _FineTuning(Objective[Any]):
    """A task's supervision as the training loop takes it."""

    def __init__(
        self,
        taught: Supervision[Any],
        settings: FinetuneSettings,
        rows: Tensor,
        val_rows: Tensor,
        best: _BestEpoch,
        *,
        literature: bool,
    ) -> None:
        self.module = nn.ModuleDict({"backbone": taught.backbone, "head": taught.head})
        self.num_examples = len(rows)
        self._taught, self._settings = taught, settings
        self._rows, self._val_rows = rows, val_rows
        self._best = best
        self._literature = literature
        self._is_waiting = False
        taught.backbone.set_drop_path(settings.drop_path)
        self._free()

    def before_step(self, progress: float) -> None:
        """The encoder waits until its share of the training has come."""
        is_waiting = progress < self._settings.unfreeze_at
        if is_waiting != self._is_waiting:
            self._is_waiting = is_waiting
            self._free(without="encoder" if is_waiting else None)

    def batch(self, rows_B: Tensor, rng: torch.Generator) -> Any:
        """Of the rows that are trained on."""
        return self._taught.batch(self._rows[rows_B], rng)

    def loss(self, batch: Any) -> Tensor:
        """The task's."""
        return self._taught.loss(batch)

    def after_epoch(self, epoch: int) -> dict[str, float]:
        """The score on the validation rows, if there are any, and on test if it may be looked at;
        keeps the best weights.
        """
        name, line = self._taught.score_name, {}
        if len(self._val_rows):
            line[f"val_{name}"] = self._taught.score(self._val_rows)
            self._best.offer(line[f"val_{name}"], self.module)
        if self._literature:
            line[f"test_{name}"] = self._taught.test_score()
        return line

    def _free(self, without: Part | None = None) -> None:
        """Let those parts of the backbone train that the settings name, but for `without`."""
        backbone, trains = self._taught.backbone, self._settings.trainable
        mode = self._settings.frozen_mode or "eval"
        if trains == "head":
            backbone.freeze(frozen_mode=mode)
        else:
            parts = [part for part in trains if part != without]
            backbone.freeze_all_but(parts, frozen_mode=mode)
            backbone.train()
