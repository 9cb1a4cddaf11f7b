from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from foundry_bench.config.settings import FinetuneSettings, ViewSettings
from foundry_bench.models.backbone import Backbone
from foundry_bench.tasks import classification
from foundry_bench.tasks.classification import Classification, ClassificationSettings
from foundry_bench.tasks.finetuning import split
from foundry_bench.tasks.task import Task, TaskData, TaskResult, Training
from foundry_bench.testing import TaskContract, tiny_dataset, tiny_teacher
from foundry_bench.testing.tiny import SPEC
from foundry_bench.training.views import patch_views
from tests.training.runs import InterruptedByTest, forget, progressing

CPU = torch.device("cpu")


class TestClassification(TaskContract):
    def task(self) -> Task:
        return Classification(ClassificationSettings())


def usual(num_train: int = 32) -> TaskData:
    dataset = tiny_dataset(num_train, 40)
    augmented = patch_views(dataset, dataset.splits["train"], SPEC, ViewSettings(), CPU)
    return replace(TaskData.from_patches(dataset, SPEC, CPU), train=augmented)


def finetune(
    folder: Path,
    data: TaskData | None = None,
    *,
    seed: int = 0,
    stop_after: int | None = None,
    **changes: Any,
) -> tuple[TaskResult, Backbone]:
    settings = FinetuneSettings(**{"epochs": 4, "batch": 8, "lr": 1e-3, **changes})
    folder.mkdir(exist_ok=True)
    report = progressing(folder, settings.epochs, stop_after=stop_after, kind="evaluate")
    training = Training(settings, seed, folder, report)
    backbone = tiny_teacher()
    task = Classification(ClassificationSettings())
    result = task.evaluate(backbone, data or usual(), training)
    forget(folder)
    return result, backbone


def losses(result: TaskResult) -> list[float]:
    return [line["loss"] for line in result.history]


def is_same(one: Backbone, other: Backbone) -> bool:
    theirs = other.state_dict()
    return all(torch.equal(theirs[name], value) for name, value in one.state_dict().items())


def test_flat_and_tall_are_learned(tmp_path: Path) -> None:
    result, _ = finetune(tmp_path, epochs=10)
    assert result.metrics["accuracy"] == 1.0
    assert result.metrics["train_loss"] == losses(result)[-1] < losses(result)[0]


@pytest.mark.parametrize(
    ("trainable", "frozen"),
    [
        ((), {"tokenizer", "encoder", "positions"}),
        (("encoder",), {"tokenizer"}),
        (("tokenizer", "encoder"), set()),
    ],
)
def test_only_what_is_named_trains(
    tmp_path: Path, trainable: tuple[str, ...], frozen: set[str]
) -> None:
    _, backbone = finetune(tmp_path, epochs=1, trainable=trainable)
    untouched = tiny_teacher().state_dict()
    parts = {"tokenizer", "encoder", "positions"}
    changed = {
        name.split(".")[0]
        for name, value in backbone.state_dict().items()
        if not torch.equal(untouched[name], value)
    }
    assert changed == parts - frozen


def test_the_seed_decides(tmp_path: Path) -> None:
    first, again, other = (losses(finetune(tmp_path, seed=seed)[0]) for seed in (0, 0, 1))
    assert first == again
    assert set(first).isdisjoint(other)


def test_without_selection_all_of_train_is_trained_on(tmp_path: Path) -> None:
    result, _ = finetune(tmp_path)
    assert "val_accuracy" not in result.metrics
    assert split(20, FinetuneSettings())[0].tolist() == list(range(20))


def test_validation_holds_out_a_tenth_the_same_for_all() -> None:
    settings = FinetuneSettings(selection="val")
    train, val = split(40, settings)
    assert len(val) == 4
    assert sorted([*train.tolist(), *val.tolist()]) == list(range(40))
    torch.manual_seed(1)
    assert torch.equal(split(40, settings)[1], val)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[float]], list[Backbone]]:
    """Says in advance how good each epoch is on val; gives the backbones as they were then."""

    def tell(accuracies: list[float]) -> list[dict[str, torch.Tensor]]:
        seen: list[dict[str, torch.Tensor]] = []
        left = iter(accuracies)

        def accuracy(backbone: Backbone, *given: object) -> float:
            seen.append({name: value.clone() for name, value in backbone.state_dict().items()})
            return next(left)

        monkeypatch.setattr(classification, "accuracy", accuracy)
        return seen

    return tell


def matches(weights: dict[str, torch.Tensor], backbone: Backbone) -> bool:
    return all(torch.equal(weights[name], one) for name, one in backbone.state_dict().items())


def test_the_best_epoch_is_restored_before_the_test(
    tmp_path: Path, told: Callable[[list[float]], list[Any]]
) -> None:
    seen = told([0.2, 0.8, 0.8, 0.5, 0.33])
    result, backbone = finetune(tmp_path, selection="val")
    assert result.metrics["val_accuracy"] == 0.8
    assert result.metrics["accuracy"] == 0.33
    assert [line["val_accuracy"] for line in result.history] == [0.2, 0.8, 0.8, 0.5]
    assert matches(seen[1], backbone)
    assert not matches(seen[2], backbone)
    assert matches(seen[4], backbone)


def test_the_last_epoch_is_tested_without_selection(
    tmp_path: Path, told: Callable[[list[float]], list[Any]]
) -> None:
    seen = told([0.4])
    result, backbone = finetune(tmp_path)
    assert result.metrics["accuracy"] == 0.4
    assert len(seen) == 1
    assert matches(seen[0], backbone)


@pytest.mark.parametrize("stop_after", [1, 2, 3, 4])
def test_the_best_epoch_survives_an_interruption(
    tmp_path: Path, told: Callable[[list[float]], list[Any]], stop_after: int
) -> None:
    accuracies = [0.2, 0.8, 0.6, 0.5]
    told([*accuracies, 0.0])
    expected, undisturbed = finetune(tmp_path / "whole", selection="val")
    told(accuracies[:stop_after])
    with pytest.raises(InterruptedByTest):
        finetune(tmp_path / "cut", selection="val", stop_after=stop_after)
    told([*accuracies[stop_after:], 0.0])
    found, resumed = finetune(tmp_path / "cut", selection="val")
    assert found.metrics == expected.metrics
    assert is_same(resumed, undisturbed)


def test_validation_rows_are_not_trained_on(tmp_path: Path) -> None:
    data = usual(40)
    val = split(40, FinetuneSettings(selection="val"))[1]
    flipped = data.train_labels.clone()
    flipped[val] = 1 - flipped[val]
    usual_, other = (
        finetune(tmp_path, given, selection="val", epochs=2)[0]
        for given in (data, replace(data, train_labels=flipped))
    )
    assert losses(usual_) == losses(other)
    first, last = ([line["val_accuracy"] for line in result.history] for result in (usual_, other))
    assert first == pytest.approx([1 - accuracy for accuracy in last])


def test_test_labels_choose_no_epoch(tmp_path: Path) -> None:
    data = usual()
    flipped = replace(data, test_labels=1 - data.test_labels)
    (usual_, one), (other, two) = (
        finetune(tmp_path, given, selection="val") for given in (data, flipped)
    )
    assert is_same(one, two)
    assert losses(usual_) == losses(other)
    assert usual_.metrics["accuracy"] == pytest.approx(1 - other.metrics["accuracy"])


def test_accuracy_is_the_share_of_right_guesses(tmp_path: Path) -> None:
    data = usual()
    labels = data.test_labels.clone()
    labels[:10] = 1 - labels[:10]
    result, _ = finetune(tmp_path, replace(data, test_labels=labels), epochs=10)
    assert result.metrics["accuracy"] == pytest.approx(30 / 40)


def test_votes_are_a_number_of_their_own(tmp_path: Path) -> None:
    settings = FinetuneSettings(epochs=8, batch=8)
    results = {}
    for votes in (0, 3):
        folder = tmp_path / str(votes)
        folder.mkdir()
        training = Training(settings, 0, folder, progressing(folder, 8, kind="evaluate"))
        task = Classification(ClassificationSettings(votes=votes))
        results[votes] = task.evaluate(tiny_teacher(), usual(), training).metrics
    assert results[3].pop("voted_accuracy") > 0.9
    assert results[3] == results[0]


@pytest.mark.parametrize(("form", "num_linear"), [("linear", 1), ("mlp", 2), ("mlp3", 3)])
def test_heads_have_as_many_layers_as_their_name_says(form: str, num_linear: int) -> None:
    task = Classification(ClassificationSettings.model_validate({"head": form}))
    head = task.new_head(tiny_teacher(), usual().dataset, FinetuneSettings())
    assert sum(isinstance(layer, torch.nn.Linear) for layer in head.modules()) == num_linear
