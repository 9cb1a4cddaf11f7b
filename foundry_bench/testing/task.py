"""What every task must do."""

import re
import tempfile
from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from foundry_bench.config.settings import FinetuneSettings
from foundry_bench.config.tasks import TaskSettings
from foundry_bench.metrics import match_specs
from foundry_bench.models.backbone import Backbone
from foundry_bench.stage import StageContext
from foundry_bench.tasks.task import Task, TaskData, TaskResult, Training
from foundry_bench.testing.tiny import SPEC, tiny_dataset, tiny_teacher
from foundry_bench.training.loop import Progressing

SCHEDULE = FinetuneSettings(epochs=2, batch=8)


class TaskContract(ABC):
    """Override `task`, and `data` if two classes of clouds are not what the task is about.

    Attributes:
        leaves_backbone: whether a task that trains does so with copies of the backbone.
    """

    leaves_backbone = False

    @abstractmethod
    def task(self) -> Task:
        """The task with its usual settings."""

    def data(self) -> TaskData:
        """Clouds with labels: flat ones and tall ones."""
        return TaskData.from_patches(tiny_dataset(), SPEC, torch.device("cpu"))

    def evaluated(self, data: TaskData, seed: int = 0) -> tuple[TaskResult, Backbone]:
        """What the task says of the tiny teacher, and the teacher as the task leaves it."""
        task, backbone = self.task(), tiny_teacher()
        with tempfile.TemporaryDirectory() as folder:
            training = _training(Path(folder), seed) if task.trains else None
            return task.evaluate(backbone, data, training), backbone

    def test_the_class_says_what_it_does(self) -> None:
        assert re.fullmatch(r"[a-z_]+/\d+", type(self.task()).protocol)
        assert issubclass(type(self.task()).Settings, TaskSettings)

    def test_metrics_are_numbers(self) -> None:
        result, _ = self.evaluated(self.data())
        assert set(type(self.task()).metrics) <= set(result.metrics)
        assert type(self.task()).metrics
        assert torch.tensor(list(result.metrics.values())).isfinite().all()

    def test_metrics_that_answer_have_a_direction(self) -> None:
        task = type(self.task())
        specs = match_specs(task.metrics, task.metric_specs)
        assert specs.keys() == set(task.metrics), "declare them in metric_specs"
        assert {spec.direction for spec in specs.values()} <= {"higher", "lower"}

    def test_a_line_of_history_for_each_epoch(self) -> None:
        result, _ = self.evaluated(self.data())
        epochs = [line["epoch"] for line in result.history]
        assert epochs == ([1.0, 2.0] if self.task().trains else [])

    def test_the_same_seed_gives_the_same_metrics(self) -> None:
        assert self.evaluated(self.data())[0].metrics == self.evaluated(self.data())[0].metrics

    def test_the_backbone_changes_only_if_the_task_trains(self) -> None:
        _, backbone = self.evaluated(self.data())
        is_changed = self.task().trains and not self.leaves_backbone
        assert _is_equal(backbone, tiny_teacher().state_dict()) != is_changed

    def test_labels_of_the_test_set_change_no_weights(self) -> None:
        data = self.data()
        flipped = replace(data, test_labels=data.num_classes - 1 - data.test_labels)
        _, usual = self.evaluated(data)
        _, other = self.evaluated(flipped)
        assert _is_equal(other, usual.state_dict())


def _training(folder: Path, seed: int) -> Training:
    context = StageContext(folder, folder, {})
    return Training(SCHEDULE, seed, folder, Progressing(context, "evaluate", "task", 2))


def _is_equal(backbone: Backbone, weights: dict[str, Tensor]) -> bool:
    return all(torch.equal(weights[name], value) for name, value in backbone.state_dict().items())
