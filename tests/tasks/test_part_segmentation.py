from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foundry_bench.config.settings import FinetuneSettings, ViewSettings
from foundry_bench.config.tasks import read_preset
from foundry_bench.data.dataset import Dataset
from foundry_bench.errors import FoundryError
from foundry_bench.models.backbone import Backbone
from foundry_bench.seeds import generator
from foundry_bench.tasks.part_clouds import PartClouds
from foundry_bench.tasks.part_segmentation import (
    PartLabelling,
    PartSegmentation,
    PartSegmentationSettings,
)
from foundry_bench.tasks.task import Task, TaskData, TaskResult, Training
from foundry_bench.testing import TaskContract, tiny_dataset, tiny_teacher
from foundry_bench.testing.tiny import SPEC
from foundry_bench.training.views import FixedViews, fixed_move, fixed_view, patch_views
from tests.training.runs import InterruptedByTest, forget, progressing

CPU = torch.device("cpu")
PARTS = ("flat/left", "flat/right", "tall/bottom", "tall/top")
VIEWS = ViewSettings(scale=(0.5, 2.0), shift=0.3)


def with_parts(dataset: Dataset) -> Dataset:
    """Flat clouds have a left and a right half, tall ones a bottom and a top."""
    half_NP = np.where(
        dataset.labels_N[:, None] == 0,
        dataset.points_NP3[..., 0] > 0,
        2 + (dataset.points_NP3[..., 1] > 0),
    )
    parts_NP = np.where(dataset.labels_N[:, None] >= 0, half_NP, -1).astype(np.int16)
    return replace(dataset, parts_NP=parts_NP, part_names=PARTS)


def usual(num_train: int = 24, dataset: Dataset | None = None) -> TaskData:
    return TaskData.from_patches(dataset or with_parts(tiny_dataset(num_train, 40)), SPEC, CPU)


class TestPartSegmentation(TaskContract):
    def task(self) -> Task:
        return PartSegmentation(PartSegmentationSettings())

    def data(self) -> TaskData:
        return usual(16)


def finetune(
    folder: Path,
    data: TaskData | None = None,
    *,
    seed: int = 0,
    stop_after: int | None = None,
    asked: PartSegmentationSettings | None = None,
    **changes: Any,
) -> tuple[TaskResult, Backbone]:
    settings = FinetuneSettings(**{"epochs": 4, "batch": 8, "lr": 1e-3, **changes})
    folder.mkdir(exist_ok=True)
    report = progressing(folder, settings.epochs, stop_after=stop_after, kind="evaluate")
    backbone = tiny_teacher()
    task = PartSegmentation(asked or PartSegmentationSettings())
    training = Training(settings, seed, folder, report)
    result = task.evaluate(backbone, data or usual(), training)
    forget(folder)
    return result, backbone


def is_same(one: Backbone, other: Backbone) -> bool:
    theirs = other.state_dict()
    return all(torch.equal(theirs[name], value) for name, value in one.state_dict().items())


def with_part(data: TaskData, rows: Tensor | slice, points: slice, part: int) -> TaskData:
    """`data` in which those points of those clouds of the dataset have the part `part`."""
    parts_NP = data.dataset.parts_NP
    assert parts_NP is not None
    changed_NP = parts_NP.copy()
    changed_NP[rows, points] = part
    return replace(data, dataset=replace(data.dataset, parts_NP=changed_NP))


def test_halves_are_learned(tmp_path: Path) -> None:
    result, _ = finetune(tmp_path, epochs=30, lr=3e-3, dropout=0.0, label_smoothing=0.0)
    assert result.metrics["miou_instance"] > 0.9
    assert result.metrics["miou_class"] > 0.9
    assert result.metrics["point_accuracy"] > 0.95
    assert {name for name in result.metrics if name.startswith("miou_of")} == {
        "miou_of_flat",
        "miou_of_tall",
    }
    assert result.metrics["train_loss"] == result.history[-1]["loss"] < 0.5


def test_parts_of_the_test_set_change_no_weights(tmp_path: Path) -> None:
    data = usual()
    test = torch.from_numpy(data.dataset.splits["test"])
    (usual_, one), (other, two) = (
        finetune(tmp_path, given, selection="val")
        for given in (data, with_part(data, test, slice(None), 0))
    )
    assert is_same(one, two)
    assert usual_.metrics["val_miou_instance"] == other.metrics["val_miou_instance"]
    assert usual_.metrics["miou_instance"] != other.metrics["miou_instance"]


def test_clouds_without_parts_are_left_out(tmp_path: Path) -> None:
    """Training on the rest gives the same weights as training on a set that never had them."""
    data = usual()
    unlabelled = with_part(data, slice(0, 8), slice(None), -1)
    splits = {**data.dataset.splits, "train": data.dataset.splits["train"][8:]}
    shorter = usual(dataset=replace(data.dataset, splits=splits))
    (one, first), (other, second) = (
        finetune(tmp_path, given, selection="val") for given in (unlabelled, shorter)
    )
    assert one.metrics == other.metrics
    assert is_same(first, second)


def test_points_without_a_part_do_not_enter_the_loss() -> None:
    data = with_part(usual(), slice(None), slice(0, 12), -1)
    taught, train = supervised(data, label_smoothing=0.1)
    taught.head.eval()
    batch = train.draw(torch.arange(8))
    layers = taught.backbone.layers(batch.inputs, (0, 1))
    logits = taught.head(layers, batch.inputs.centers_BC3, batch.points_BN3, batch.labels_B)
    there = batch.parts_BN >= 0
    assert there.sum() == 8 * 20
    expected = F.cross_entropy(logits[there], batch.parts_BN[there], label_smoothing=0.1)
    torch.testing.assert_close(taught.loss(batch), expected)


def supervised(data: TaskData, **changes: Any) -> tuple[PartLabelling, PartClouds]:
    settings = FinetuneSettings(**changes)
    train, test = (PartClouds.of(data, split, SPEC.points, CPU) for split in ("train", "test"))
    backbone = tiny_teacher()
    task = PartSegmentation(PartSegmentationSettings())
    head = task.new_head(backbone, data.dataset, settings)
    return PartLabelling(task, backbone, head, data, train, test, settings), train


def test_a_subset_keeps_what_belongs_together() -> None:
    _, train = supervised(with_part(usual(), slice(0, 3), slice(None), -1))
    rows = torch.tensor([9, 2, 17])
    part, whole = train.subset(rows), train.draw(rows)
    again = part.draw(torch.arange(3))
    assert len(part) == 3
    assert torch.equal(again.inputs.centers_BC3, whole.inputs.centers_BC3)
    for name in ("points_BN3", "parts_BN", "labels_B"):
        assert torch.equal(getattr(again, name), getattr(whole, name)), name


def test_the_score_is_of_the_rows_asked_for() -> None:
    taught, _ = supervised(usual())
    rows = torch.tensor([1, 4, 10])
    alone = [taught.score(row[None]) for row in rows]
    assert len(set(alone)) > 1
    assert taught.score(rows) == pytest.approx(sum(alone) / 3)


@pytest.mark.parametrize("kind", ["similarities", "fresh", "fixed", "as they are"])
def test_points_are_in_the_view_of_their_patches(kind: str) -> None:
    """Each point of a patch is one of the points, and has moved if the view is augmented."""
    dataset = with_parts(tiny_dataset(24, 40))
    rows = dataset.splits["train"]
    fresh = VIEWS.model_copy(update={"patches": "fresh", "scale_per_axis": True})
    if kind == "fixed":
        views = [fixed_view(dataset, rows, SPEC, VIEWS, number, CPU) for number in range(2)]
        moves = [fixed_move(dataset, rows, SPEC, VIEWS, number) for number in range(2)]
        train = FixedViews(tuple(view.patches for view in views), tuple(moves))
    else:
        settings = {"similarities": VIEWS, "fresh": fresh, "as they are": None}[kind]
        train = patch_views(dataset, rows, SPEC, settings, CPU)
    unlabelled = with_part(usual(dataset=dataset), slice(0, 3), slice(None), -1)
    clouds = PartClouds.of(replace(unlabelled, train=train), "train", SPEC.points, CPU)
    assert clouds.rows_M.tolist() == list(range(3, 24))
    rows_B = torch.tensor([4, 20, 1, 4])
    batch = clouds.draw(rows_B, generator(0, "views"))
    inputs = batch.inputs
    seen = (inputs.neighbors_BCK3 + inputs.centers_BC3[:, :, None]).flatten(1, 2)
    offsets = seen[:, :, None] - batch.points_BN3[:, None]
    assert offsets.norm(dim=-1).amin(-1).max() < 1e-5
    is_moved = not torch.allclose(batch.points_BN3, clouds.points_MN3[rows_B])
    assert is_moved == (kind != "as they are")
    assert batch.labels_B.tolist() == [int(dataset.labels_N[row]) for row in (7, 23, 4, 7)]
    assert batch.parts_BN[1].tolist() == dataset.parts_NP[23].tolist()


def test_more_points_than_the_backbone_sees_can_be_labelled(tmp_path: Path) -> None:
    large = replace(SPEC, points=48)
    dataset = with_parts(tiny_dataset(24, 40, large))
    asked = PartSegmentationSettings(points=48)
    data = usual(dataset=dataset)
    clouds = PartClouds.of(data, "test", 48, CPU)
    assert clouds.points_MN3.shape == (40, 48, 3)
    assert finetune(tmp_path, data, asked=asked, epochs=1)[0].metrics["miou_instance"] > 0
    few = with_part(data, slice(None), slice(0, 32), -1)
    assert finetune(tmp_path, few, asked=asked, epochs=1)[0].metrics["miou_instance"] > 0
    with pytest.raises(FoundryError, match=r"none of the 24 train clouds .* first 32 points"):
        finetune(tmp_path, few)


def test_the_seed_decides(tmp_path: Path) -> None:
    first, again, other = (
        [line["loss"] for line in finetune(tmp_path, seed=seed)[0].history] for seed in (0, 0, 1)
    )
    assert first == again
    assert set(first).isdisjoint(other)


@pytest.mark.parametrize("trainable", [("encoder",), "head"])
def test_only_what_is_named_trains(tmp_path: Path, trainable: Any) -> None:
    _, backbone = finetune(tmp_path, epochs=1, trainable=trainable)
    untouched = tiny_teacher().state_dict()
    changed = {
        name.split(".")[0]
        for name, value in backbone.state_dict().items()
        if not torch.equal(untouched[name], value)
    }
    assert changed == (set() if trainable == "head" else {"encoder", "positions"})


@pytest.mark.parametrize("stop_after", [1, 3])
def test_an_interruption_changes_nothing(tmp_path: Path, stop_after: int) -> None:
    augmented = augmented_data()
    expected, undisturbed = finetune(tmp_path / "whole", augmented, selection="val")
    with pytest.raises(InterruptedByTest):
        finetune(tmp_path / "cut", augmented, selection="val", stop_after=stop_after)
    found, resumed = finetune(tmp_path / "cut", augmented, selection="val")
    assert found.metrics == expected.metrics
    assert is_same(resumed, undisturbed)
    assert found.head is not None
    assert expected.head is not None
    theirs = expected.head.state_dict()
    assert all(torch.equal(theirs[name], one) for name, one in found.head.state_dict().items())


def augmented_data() -> TaskData:
    data = usual()
    rows = data.dataset.splits["train"]
    return replace(data, train=patch_views(data.dataset, rows, SPEC, ViewSettings(), CPU))


def test_the_best_epoch_on_a_tenth_of_train_can_be_chosen(tmp_path: Path) -> None:
    result, _ = finetune(tmp_path, selection="val", epochs=8, lr=1e-2)
    scores = [line["val_miou_instance"] for line in result.history]
    assert result.metrics["val_miou_instance"] == max(scores)
    assert len(set(scores)) > 1


def test_the_literature_takes_the_best_epoch_on_test(tmp_path: Path) -> None:
    asked = PartSegmentationSettings(protocol="literature")
    result, backbone = finetune(tmp_path, asked=asked)
    scores = [line["test_miou_instance"] for line in result.history]
    assert result.metrics["literature_miou_instance"] == max(scores)
    assert result.metrics["miou_instance"] == scores[-1]
    assert is_same(backbone, finetune(tmp_path)[1])


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_split_without_parts_is_an_error(tmp_path: Path, split: str) -> None:
    data = usual()
    rows = torch.from_numpy(data.dataset.splits[split])
    with pytest.raises(FoundryError, match=f"none of the .* {split} clouds of 'flat or tall'"):
        finetune(tmp_path, with_part(data, rows, slice(None), -1))


def test_a_dataset_without_parts_is_an_error_that_helps(tmp_path: Path) -> None:
    data = TaskData.from_patches(tiny_dataset(), SPEC, CPU)
    with pytest.raises(FoundryError, match=r"'flat or tall' have no parts.*`data\.part`"):
        finetune(tmp_path, data)


def test_widths_are_multiples_of_the_backbones() -> None:
    backbone, dataset = tiny_teacher(), with_parts(tiny_dataset())
    asked = PartSegmentationSettings(propagation=(4, 8 / 3), hidden=(4 / 3, 0.001))
    head = PartSegmentation(asked).new_head(backbone, dataset, FinetuneSettings())
    shapes = [tuple(parameter.shape) for parameter in head.parameters() if parameter.ndim == 2]
    width = backbone.width
    assert shapes == [
        (64, 2),
        (4 * width, 3 + width),
        (64, 4 * width),
        (32, 64 + 2 * width + 64),
        (1, 32),
        (4, 1),
    ]


def test_the_schedule_keeps_its_own_defaults_where_a_part_of_it_is_given() -> None:
    given = {"name": "part_segmentation", "finetune": {"epochs": 40}}
    schedule = PartSegmentationSettings.model_validate(given).finetune
    usual_ = PartSegmentationSettings().finetune
    assert usual_ is not None
    assert schedule == usual_.model_copy(update={"epochs": 40})
    assert schedule != FinetuneSettings(epochs=40)


@pytest.mark.parametrize(
    ("preset", "propagation"),
    [("part_segmentation_point_jepa", [384, 384]), ("part_segmentation_point_mae", [1536, 1024])],
)
def test_the_presets_have_the_published_widths(preset: str, propagation: list[int]) -> None:
    backbone = tiny_teacher()
    backbone.width = 384
    asked = PartSegmentationSettings.model_validate(read_preset(preset))
    assert asked.finetune is not None
    dataset = with_parts(tiny_dataset())
    head = PartSegmentation(asked).new_head(backbone, dataset, asked.finetune)
    linear = [module for module in head.modules() if isinstance(module, nn.Linear)]
    assert [layer.out_features for layer in linear] == [64, *propagation, 512, 256, len(PARTS)]


def test_a_step_of_the_loss_follows_the_smoothing() -> None:
    data = usual()
    (plain, train), (smooth, _) = (supervised(data, label_smoothing=value) for value in (0.0, 0.5))
    smooth.head.load_state_dict(plain.head.state_dict())
    batch = train.draw(torch.arange(8))
    for taught in (plain, smooth):
        taught.head.eval()
    assert plain.loss(batch) != smooth.loss(batch)


def test_the_head_sees_the_layers_or_the_final_tokens() -> None:
    data = usual()
    seen: dict[str, list[int]] = {}

    class Watched(torch.nn.Module):
        def forward(self, layers: list[Tensor], *others: Tensor) -> Tensor:
            seen[features] = [round(layer.sum().item(), 3) for layer in layers]
            return torch.zeros(1)

    backbone = tiny_teacher()
    clouds = PartSegmentation(PartSegmentationSettings()).questions(backbone, data, "test")
    batch = next(clouds.chunks())
    for features in ("layers", "tokens"):
        task = PartSegmentation(PartSegmentationSettings.model_validate({"features": features}))
        task.answer(backbone, Watched(), batch)
    tokens_BCD = backbone.tokens(batch.inputs)
    assert seen["tokens"] == [round(tokens_BCD.sum().item(), 3)]
    assert len(seen["layers"]) == 2
    assert seen["tokens"][0] not in seen["layers"]
