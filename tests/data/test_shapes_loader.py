"""The procedural dataset as a dataset."""

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from foundry_bench.data.shapes import CLASSES, PARTS
from foundry_bench.data.shapes_loader import Shapes, ShapesSettings

FEW = len(CLASSES)


def settings(**changes: float) -> ShapesSettings:
    sizes = {"train": FEW, "unlabelled": 7, "test": FEW + 3, "points": 64}
    return ShapesSettings.model_validate(sizes | changes)


def test_splits_have_the_sizes_asked_for_and_all_classes(tmp_path: Path) -> None:
    dataset = Shapes(settings()).load(tmp_path)
    assert {name: len(rows) for name, rows in dataset.splits.items()} == {
        "train": FEW,
        "unlabelled": 7,
        "test": FEW + 3,
    }
    assert dataset.points_NP3.shape == (2 * FEW + 10, 64, 3)
    assert dataset.points_NP3.dtype == np.float32
    assert set(dataset.labels_N[dataset.splits["train"]].tolist()) == set(range(FEW))
    assert (dataset.labels_N[dataset.splits["unlabelled"]] == -1).all()
    assert dataset.parts_NP is not None
    assert dataset.parts_NP[dataset.splits["test"]].min() >= 0
    assert (dataset.class_names, dataset.part_names) == (CLASSES, PARTS)
    assert all(finding.is_ok is not False for finding in Shapes(settings()).check(dataset))


def test_a_cloud_does_not_depend_on_the_sizes() -> None:
    small, large = Shapes(settings()).read(), Shapes(settings(train=FEW + 9, unlabelled=0)).read()
    for split, num in (("train", FEW), ("test", FEW + 3)):
        first = small.points_NP3[small.splits[split][:num]]
        assert np.array_equal(first, large.points_NP3[large.splits[split][:num]])


@pytest.mark.parametrize("change", [{"seed": 1}, {"difficulty": 0.6}, {"train": FEW + 1}])
def test_the_fingerprint_follows_the_settings(change: dict[str, float]) -> None:
    assert Shapes(settings(**change)).fingerprint() != Shapes(settings()).fingerprint()
    assert Shapes(settings()).fingerprint() == Shapes(settings()).fingerprint()


def test_smoke_keeps_all_classes_and_points() -> None:
    smoke = ShapesSettings().smoke()
    assert (smoke.train, smoke.test, smoke.unlabelled) == (FEW, 2 * FEW, FEW)
    assert smoke.points == ShapesSettings().points
    assert ShapesSettings(unlabelled=0).smoke().unlabelled == 0


def test_a_class_without_train_clouds_is_impossible() -> None:
    with pytest.raises(ValidationError, match="greater than or equal to"):
        settings(train=FEW - 1)
