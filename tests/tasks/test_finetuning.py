from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from foundry_bench.config.settings import FinetuneSettings
from foundry_bench.errors import FoundryError
from foundry_bench.models.heads import ClassificationHead
from foundry_bench.seeds import seeded
from foundry_bench.students.foundry import Foundry, FoundrySettings
from foundry_bench.tasks.classification import Labelling
from foundry_bench.tasks.finetuning import FineTuned, fine_tune
from foundry_bench.tasks.task import Training
from foundry_bench.testing import tiny_teacher
from tests.tasks.test_classification import usual
from tests.training.runs import InterruptedByTest, progressing


class Watched(Labelling):
    """Notes before each step whether the backbone trains; the test score is told in advance."""

    def __init__(self, *arguments: object, told: list[float] | None = None) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.trained: list[bool] = []
        self.was_training: list[bool] = []
        self.tokenizer_trained: list[bool] = []
        self.told = told or []

    def batch(self, rows_B: Tensor, rng: torch.Generator) -> object:  # type: ignore[override]
        encoder = self.backbone.get_submodule("encoder")
        self.trained.append(next(encoder.parameters()).requires_grad)
        self.was_training.append(encoder.training)
        tokenizer = self.backbone.get_submodule("tokenizer")
        self.tokenizer_trained.append(next(tokenizer.parameters()).requires_grad)
        return super().batch(rows_B, rng)

    def test_score(self) -> float:
        return self.told.pop(0) if self.told else super().test_score()


def tune(
    folder: Path,
    *,
    stop_after: int | None = None,
    literature: bool = False,
    told: list[float] | None = None,
    **changes: object,
) -> tuple[FineTuned, Watched]:
    settings = FinetuneSettings.model_validate({"epochs": 4, "batch": 8, "lr": 1e-2, **changes})
    folder.mkdir(exist_ok=True)
    report = progressing(folder, settings.epochs, stop_after=stop_after, kind="evaluate")
    with seeded(0, "init"):
        backbone = Foundry(tiny_teacher(), FoundrySettings(supertokens=4))
        head = nn.Sequential(nn.Flatten(), nn.Linear(8 * 24, 2))
    taught = Watched(backbone, head, usual(), settings, told=told)
    tuned = fine_tune(taught, Training(settings, 0, folder, report), literature=literature)
    return tuned, taught


def is_as_before(taught: Watched) -> bool:
    before = Foundry(tiny_teacher(), FoundrySettings(supertokens=4)).encoder.state_dict()
    after = taught.backbone.get_submodule("encoder").state_dict()
    return all(torch.equal(before[name], value) for name, value in after.items())


def test_the_head_alone_trains_if_asked_for(tmp_path: Path) -> None:
    tuned, taught = tune(tmp_path, trainable="head")
    assert is_as_before(taught)
    assert not any(taught.trained)
    assert not any(taught.was_training)
    assert not any(parameter.requires_grad for parameter in taught.backbone.parameters())
    assert tuned.history[-1]["loss"] < tuned.history[0]["loss"]


def test_the_encoder_waits_for_its_share_of_the_training(tmp_path: Path) -> None:
    _, taught = tune(tmp_path, unfreeze_at=0.5, trainable=["tokenizer", "encoder"])
    assert taught.trained == [False] * 8 + [True] * 8
    assert all(taught.tokenizer_trained)
    assert taught.was_training == taught.trained
    assert not is_as_before(taught)


@pytest.mark.parametrize("stop_after", [1, 2, 3])
def test_waiting_survives_an_interruption(tmp_path: Path, stop_after: int) -> None:
    _, undisturbed = tune(tmp_path / "whole", unfreeze_at=0.5)
    with pytest.raises(InterruptedByTest):
        tune(tmp_path / "cut", unfreeze_at=0.5, stop_after=stop_after)
    _, resumed = tune(tmp_path / "cut", unfreeze_at=0.5)
    expected = undisturbed.backbone.state_dict()
    for name, value in resumed.backbone.state_dict().items():
        assert torch.equal(expected[name], value), name


def test_the_literatures_number_stands_beside_the_usual_one(tmp_path: Path) -> None:
    tuned, _ = tune(tmp_path, literature=True, told=[0.2, 0.9, 0.5, 0.4])
    assert tuned.metrics["literature_accuracy"] == 0.9
    assert [line["test_accuracy"] for line in tuned.history] == [0.2, 0.9, 0.5, 0.4]
    plain, _ = tune(tmp_path / "plain")
    assert "literature_accuracy" not in plain.metrics
    assert [line["loss"] for line in plain.history] == [line["loss"] for line in tuned.history]


@pytest.mark.parametrize(("num_train", "selection"), [(1, "last"), (2, "val"), (1, "val")])
def test_a_single_cloud_to_learn_from_is_told(
    tmp_path: Path, num_train: int, selection: str
) -> None:
    settings = FinetuneSettings.model_validate({"epochs": 1, "selection": selection})
    data, backbone = usual(num_train), tiny_teacher()
    head = ClassificationHead(backbone.width, 2)
    training = Training(settings, 0, tmp_path, progressing(tmp_path, 1))
    with pytest.raises(FoundryError, match="training clouds to learn from"):
        fine_tune(Labelling(backbone, head, data, settings), training, literature=False)


@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_the_schedule_says_how_many_paths_drop(tmp_path: Path, rate: float) -> None:
    settings = FinetuneSettings(epochs=1, batch=8, drop_path=rate)
    backbone = tiny_teacher()
    backbone.set_drop_path(0.9)
    head = ClassificationHead(backbone.width, 2)
    training = Training(settings, 0, tmp_path, progressing(tmp_path, 1))
    fine_tune(Labelling(backbone, head, usual(), settings), training, literature=False)
    assert [block.drop_path for block in backbone.encoder.blocks] == pytest.approx([0.0, rate])


@pytest.mark.parametrize("trainable", ["head", ["tokenizer", "encoder"]])
def test_frozen_parts_train_in_mode_alone_if_asked_for(tmp_path: Path, trainable: object) -> None:
    unfreeze = 0.0 if trainable == "head" else 0.5
    _, taught = tune(tmp_path, trainable=trainable, unfreeze_at=unfreeze, frozen_mode="train")
    assert all(taught.was_training)
    assert taught.trained[:8] == [False] * 8
