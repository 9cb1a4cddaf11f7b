from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from foundry_bench.data.corrupt import KINDS, Kind, corrupt
from foundry_bench.geometry.patches import Patches, PatchSpec, group
from foundry_bench.models.backbone import Backbone, Inputs
from foundry_bench.models.heads import ClassificationHead
from foundry_bench.seeds import generator, seeded
from foundry_bench.tasks import corruption
from foundry_bench.tasks.corruption import SEED, Corruption, CorruptionSettings
from foundry_bench.tasks.task import Task, TaskData, all_tokens
from foundry_bench.testing import TaskContract, tiny_dataset, tiny_teacher
from foundry_bench.testing.tiny import SPEC

CPU = torch.device("cpu")


def head(seed: int = 0) -> nn.Module:
    with seeded(seed, "head"):
        return ClassificationHead(tiny_teacher().width, 2)


def usual(num_test: int = 40, made_head: nn.Module | None = None) -> TaskData:
    """Clouds of twice the points that a backbone takes."""
    dataset = tiny_dataset(16, num_test, PatchSpec(2 * SPEC.points, SPEC.patches, SPEC.patch_size))
    return replace(TaskData.from_patches(dataset, SPEC, CPU), head=made_head or head())


class TestCorruption(TaskContract):
    def task(self) -> Task:
        return Corruption(CorruptionSettings())

    def data(self) -> TaskData:
        return replace(super().data(), head=head())


def evaluate(data: TaskData, backbone: Backbone | None = None, **settings: Any) -> dict[str, float]:
    task = Corruption(CorruptionSettings.model_validate(settings))
    return task.evaluate(backbone or tiny_teacher(), data).metrics


class Extent(Backbone):
    """Tokens are the coordinates of the patches' centres; remembers what it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.patch_spec, self.width = SPEC, 3
        self.shown: list[Patches] = []
        self.scale = nn.Parameter(torch.ones(1))

    embed = layers = None  # type: ignore[assignment]

    def tokens(self, inputs: Inputs) -> Tensor:
        assert isinstance(inputs, Patches)
        assert not self.training
        self.shown.append(inputs)
        return self.scale * inputs.centers_BC3


class FlatOrTall(nn.Module):
    """Flat (class 0) if a cloud is wider than high."""

    def forward(self, tokens_BCD: Tensor) -> Tensor:
        assert not self.training
        extent_B3 = tokens_BCD.abs().mean(1)
        return torch.stack([extent_B3[:, 0], extent_B3[:, 1]], dim=1)


def test_it_follows_classification_and_trains_nothing() -> None:
    assert Corruption.after == "classification"
    assert not Corruption.trains


def test_clouds_that_a_corruption_leaves_flat_or_tall_are_still_told_apart() -> None:
    """The clouds are ten times as wide as high, or as high as wide: a lot is needed to hide it."""
    found = evaluate(usual(200, FlatOrTall()), Extent(), severities=[3, 5])
    for kind in ("jitter", "dropout_global", "dropout_local", "rotate", "scale", "add_global"):
        assert found[f"corrupted_accuracy_{kind}_5"] > 0.97
    flipped = usual(200, FlatOrTall())
    flipped = replace(flipped, test_labels=1 - flipped.test_labels)
    other = evaluate(flipped, Extent(), severities=[3, 5])
    assert {name: pytest.approx(1 - value) for name, value in found.items()} == other


def test_without_an_effect_it_is_classifications_accuracy(monkeypatch: pytest.MonkeyPatch) -> None:
    def untouched(points_BN3: Tensor, *given: object) -> Tensor:
        return points_BN3

    data = usual(300)
    assert data.head is not None
    data.head.eval()
    guesses = torch.cat([data.head(part) for part in all_tokens(tiny_teacher(), data.test)])
    expected = (guesses.argmax(-1) == data.test_labels).double().mean().item()
    monkeypatch.setattr(corruption, "corrupt", untouched)
    assert 0.1 < expected < 0.9
    assert set(evaluate(data).values()) == {expected}


@pytest.mark.parametrize("kind", KINDS)
def test_the_points_that_the_backbone_takes_are_corrupted_and_cut_anew(kind: Kind) -> None:
    data, backbone = usual(40, FlatOrTall()), Extent()
    evaluate(data, backbone, kinds=[kind], severities=[3, 5])
    clouds = data.dataset.points_NP3[data.dataset.splits["test"], : SPEC.points]
    for severity, shown in zip((3, 5), backbone.shown, strict=True):
        streams = [generator(SEED, "corruption", kind, row) for row in range(40)]
        expected = group(corrupt(torch.from_numpy(clouds), kind, severity, streams), SPEC)
        assert torch.equal(shown.centers_BC3, expected.centers_BC3)
        assert torch.equal(shown.neighbors_BCK3, expected.neighbors_BCK3)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    backbone, data = Extent(), usual(40, FlatOrTall())
    expected = evaluate(data, backbone, kinds=["add_local"])
    monkeypatch.setattr(corruption, "CHUNK", 7)
    assert evaluate(data, backbone, kinds=["add_local"]) == expected
    whole, *parts = backbone.shown
    assert [len(part) for part in parts] == [7, 7, 7, 7, 7, 5]
    assert torch.equal(torch.cat([part.centers_BC3 for part in parts]), whole.centers_BC3)


def test_a_head_left_in_training_mode_is_not_noisy() -> None:
    data = usual()
    assert data.head is not None
    data.head.eval()
    expected = evaluate(data)
    data.head.train()
    assert evaluate(data) == expected


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Accuracies that say which kind and severity they are of."""

    def accuracy(backbone: Backbone, data: TaskData, kind: Kind, severity: int) -> float:
        return KINDS.index(kind) / 10 + severity / 100

    monkeypatch.setattr(corruption, "_accuracy", accuracy)


@pytest.mark.usefixtures("told")
def test_by_default_all_kinds_are_measured_at_severity_three() -> None:
    found = evaluate(usual())
    kinds = {f"corrupted_accuracy_{kind}": 0.03 + number / 10 for number, kind in enumerate(KINDS)}
    assert found == pytest.approx({"corrupted_accuracy": 0.33, **kinds})


@pytest.mark.usefixtures("told")
def test_several_severities_are_named_and_leave_the_mean_at_three() -> None:
    found = evaluate(usual(), kinds=["scale", "jitter"], severities=[5, 3])
    expected = {
        "corrupted_accuracy": 0.18,
        "corrupted_accuracy_scale": 0.33,
        "corrupted_accuracy_jitter": 0.03,
        "corrupted_accuracy_scale_5": 0.35,
        "corrupted_accuracy_scale_3": 0.33,
        "corrupted_accuracy_jitter_5": 0.05,
        "corrupted_accuracy_jitter_3": 0.03,
    }
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"severities": [1, 5]}, r"severities: \[1, 5\] lacks 3"),
        ({"severities": []}, r"severities: \[\] lacks 3"),
        ({"severities": [3, 6]}, "less than or equal to 5"),
        ({"severities": [0, 3]}, "greater than or equal to 1"),
        ({"severities": [3, 3]}, "one twice"),
        ({"kinds": []}, "at least one"),
        ({"kinds": ["jitter", "jitter"]}, "different ones"),
        ({"kinds": ["fog"]}, "'jitter', 'dropout_global'"),
    ],
)
def test_settings_that_have_no_meaning_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CorruptionSettings.model_validate(settings)
