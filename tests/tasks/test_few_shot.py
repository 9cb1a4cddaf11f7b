from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from foundry_bench.config.settings import FinetuneSettings
from foundry_bench.data.dataset import Fold
from foundry_bench.data.modelnet40_few_shot import ModelNet40FewShotSettings
from foundry_bench.errors import FoundryError
from foundry_bench.geometry.patches import Patches
from foundry_bench.tasks import few_shot
from foundry_bench.tasks.classification import Labelling
from foundry_bench.tasks.few_shot import FewShot, FewShotSettings, of_fold
from foundry_bench.tasks.task import Task, TaskData, TaskResult, Training
from foundry_bench.testing import TaskContract, tiny_dataset, tiny_teacher
from foundry_bench.testing.tiny import SPEC
from tests.training.runs import InterruptedByTest, forget, progressing

CPU = torch.device("cpu")
SETTINGS = FewShotSettings(way=2, shot=4, folds=3, queries=10)


class TestFewShot(TaskContract):
    leaves_backbone = True

    def task(self) -> Task:
        return FewShot(SETTINGS)


def usual() -> TaskData:
    return TaskData.from_patches(tiny_dataset(40, 40), SPEC, CPU)


def evaluate(
    folder: Path,
    data: TaskData | None = None,
    *,
    stop_after: int | None = None,
    seed: int = 0,
    epochs: int = 4,
    **changes: Any,
) -> TaskResult:
    schedule = FinetuneSettings(epochs=epochs, batch=4, lr=3e-3)
    folder.mkdir(exist_ok=True)
    report = progressing(folder, 3 * schedule.epochs, stop_after=stop_after, kind="evaluate")
    task = FewShot(SETTINGS.model_copy(update=changes))
    training = Training(schedule, seed, folder, report)
    result = task.evaluate(tiny_teacher(), data or usual(), training)
    forget(folder)
    return result


def told(monkeypatch: pytest.MonkeyPatch, accuracies: list[float]) -> None:
    """Say in advance how well each fold is answered."""
    left = iter(accuracies)
    monkeypatch.setattr(Labelling, "test_score", lambda self: next(left))


def test_flat_and_tall_are_told_from_four_clouds_each(tmp_path: Path) -> None:
    result = evaluate(tmp_path, epochs=12)
    assert result.metrics["few_shot_accuracy"] > 0.9


def test_folds_are_averaged_and_their_spread_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(monkeypatch, [0.5, 0.7, 0.9])
    metrics = evaluate(tmp_path).metrics
    assert metrics["few_shot_accuracy"] == pytest.approx(0.7)
    assert metrics["few_shot_std"] == pytest.approx(0.2)


def test_the_history_is_the_mean_over_folds(tmp_path: Path) -> None:
    single = evaluate(tmp_path / "one", folds=1)
    three = evaluate(tmp_path / "three")
    assert [line["epoch"] for line in three.history] == [1, 2, 3, 4]
    assert three.history[-1]["loss"] == pytest.approx(three.metrics["train_loss"])
    assert single.history[0]["loss"] != three.history[0]["loss"]
    assert single.metrics["few_shot_std"] == 0


def test_each_fold_starts_from_the_backbone_as_it_was(tmp_path: Path) -> None:
    """The same fold three times gives the same answer three times."""
    data = usual()
    rows, test = data.dataset.splits["train"], data.dataset.splits["test"]
    labels = data.dataset.labels_N
    fold = Fold(np.r_[rows[labels[rows] == 0][:4], rows[labels[rows] == 1][:4]], test, (0, 1))
    folds = replace(data.dataset, folds=(fold,) * 3)
    result = evaluate(tmp_path, replace(data, dataset=folds))
    assert result.metrics["few_shot_std"] == 0


def test_published_folds_come_before_drawn_ones() -> None:
    folds = tuple(Fold(np.arange(n, n + 8), np.array([40 + n]), (0, 1)) for n in range(4))
    dataset = replace(usual().dataset, folds=folds)
    assert FewShot(SETTINGS)._folds(dataset) == folds[:3]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"way": 5}, "asks for 20 clouds of 5 classes, fold 0 of .* has 8 of 2: set `way`"),
        ({"shot": 5}, "asks for 10 clouds of 2 classes, fold 0 of .* has 8 of 2: set `way`"),
        ({"folds": 10}, "asks for 10 folds, .* has 4: set `folds`"),
    ],
)
def test_published_folds_of_another_size_are_refused(changes: dict[str, int], fault: str) -> None:
    """Their numbers would go by a wrong name."""
    folds = tuple(Fold(np.arange(n, n + 8), np.array([40 + n]), (0, 1)) for n in range(4))
    task = FewShot(SETTINGS.model_copy(update=changes))
    with pytest.raises(FoundryError, match=fault):
        task._folds(replace(usual().dataset, folds=folds))


def test_the_smallest_form_takes_all_classes_of_a_published_fold() -> None:
    published = ModelNet40FewShotSettings(way=10, shot=20)
    small = FewShotSettings(way=10, shot=20, data=published).smoke()
    assert isinstance(small.data, ModelNet40FewShotSettings)
    assert (small.way, small.shot, small.folds) == (10, 1, 1)
    assert (small.data.way, small.data.shot, small.data.folds, small.data.limit) == (10, 20, 1, 1)
    drawn = FewShotSettings(way=10, shot=20).smoke()
    assert (drawn.way, drawn.shot, drawn.folds) == (2, 1, 1)


def test_a_fold_has_its_own_clouds_and_labels() -> None:
    data = usual()
    train, test = data.dataset.splits["train"], data.dataset.splits["test"]
    fold = Fold(train[[5, 2]], test[[1, 0, 3]], (1, 0))
    few = of_fold(data, fold)
    labels = 1 - data.dataset.labels_N  # class 1 comes first in the fold
    assert few.train_labels.tolist() == labels[fold.train].tolist()
    assert few.test_labels.tolist() == labels[fold.test].tolist()
    drawn = few.test.draw(torch.arange(3)).inputs
    expected = data.test.draw(torch.tensor([1, 0, 3])).inputs
    assert isinstance(drawn, Patches)
    assert isinstance(expected, Patches)
    assert torch.equal(drawn.centers_BC3, expected.centers_BC3)


@pytest.mark.parametrize("stop_after", [2, 4, 5, 12])
def test_a_stage_cut_short_goes_on_in_its_fold(tmp_path: Path, stop_after: int) -> None:
    undisturbed = evaluate(tmp_path / "whole")
    with pytest.raises(InterruptedByTest):
        evaluate(tmp_path / "cut", stop_after=stop_after)
    resumed = evaluate(tmp_path / "cut")
    assert resumed.metrics == undisturbed.metrics
    assert [line["loss"] for line in resumed.history] == [
        line["loss"] for line in undisturbed.history
    ]


def test_seeds_vary_the_training_and_not_the_folds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[int]] = []

    def noting(draw: Callable[..., Any]) -> Callable[..., Any]:
        def drawn(*arguments: Any) -> Any:
            folds = draw(*arguments)
            seen.append([int(row) for fold in folds for row in fold.train])
            return folds

        return drawn

    monkeypatch.setattr(few_shot, "draw_folds", noting(few_shot.draw_folds))
    first, second = (evaluate(tmp_path / str(seed), seed=seed) for seed in (0, 1))
    assert seen[0] == seen[1]
    assert first.metrics["train_loss"] != second.metrics["train_loss"]


def test_tasks_of_other_sizes_go_by_other_labels() -> None:
    assert FewShotSettings(way=10, shot=20).key == "few_shot_10w20s"
    assert FewShotSettings(label="mine").key == "mine"
