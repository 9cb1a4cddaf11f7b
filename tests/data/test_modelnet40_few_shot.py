"""The published few-shot folds of ModelNet40."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foundry_bench.data.modelnet40_names import NAMES
from foundry_bench.errors import FoundryError
from tests.data import published_files as files
from tests.data.published_files import assert_same_set, fold_content, loader

NAME = "modelnet40_few_shot"


def test_folds_have_their_clouds_and_their_classes_in_order(root: Path, tmp_path: Path) -> None:
    files.modelnet40_few_shot(root)
    made = loader(NAME, root)
    dataset = made.load(tmp_path / "cache")
    assert len(dataset.folds) == 10
    assert [finding for finding in made.check(dataset) if finding.is_ok is False] == []
    for number, fold in enumerate(dataset.folds):
        content = fold_content(number)
        for split, rows in (("train", fold.train), ("test", fold.test)):
            labels_B = dataset.labels_N[rows]
            assert fold.labels(labels_B).tolist() == [label for _, label, _ in content[split]]
            assert [dataset.class_names[label] for label in labels_B] == [
                NAMES[key] for _, _, key in content[split]
            ]
            assert set(rows.tolist()) <= set(dataset.splits[split].tolist())
            assert_same_set(dataset.points_NP3[rows[3]], content[split][3][0][:, :3])
    assert len(np.unique(np.concatenate([fold.train for fold in dataset.folds]))) == 500


def test_points_stay_in_the_order_of_farthest_point_sampling(root: Path) -> None:
    files.modelnet40_few_shot(root, folds=1)
    dataset = loader(NAME, root, folds=1).load(None)
    given = fold_content(0)["train"][0][0][:, :3].astype(np.float64)
    given -= given.mean(axis=0)
    given /= np.linalg.norm(given, axis=1).max()
    np.testing.assert_allclose(dataset.points_NP3[0], given, atol=1e-6)


def test_a_smoke_test_reads_one_fold(root: Path) -> None:
    files.modelnet40_few_shot(root, folds=1)
    made = loader(NAME, root)
    with pytest.raises(FoundryError, match=r"5way_10shot/1\.pkl is missing"):
        made.load(None)
    small = type(made)(made.settings.smoke())
    (fold,) = small.load(None).folds
    assert (len(fold.classes), len(fold.train), len(fold.test)) == (5, 5, 5)
    assert small.check(small.load(None))[0].is_ok is False


def test_ways_and_shots_choose_the_folder(root: Path) -> None:
    files.modelnet40_few_shot(root, folds=1, way=10, shot=20)
    dataset = loader(NAME, root, way=10, shot=20, folds=1).load(None)
    assert len(dataset.folds[0].classes) == 10
    assert len(dataset.folds[0].train) == 200


def test_queries_that_lack_are_off(root: Path) -> None:
    folder = files.modelnet40_few_shot(root, folds=1)
    content = fold_content(0)
    del content["test"][4:]
    (folder / "5way_10shot" / "0.pkl").write_bytes(pickle.dumps(content))
    made = loader(NAME, root, folds=1)
    off = [finding.what for finding in made.check(made.load(None)) if finding.is_ok is False]
    assert off[:2] == ["folds", "fold 0: test clouds"]


def changed(split: str, row: int, item: Any) -> dict[str, Any]:
    content = fold_content(0)
    content[split][row] = item
    return content


CLOUD = fold_content(0)["train"][0][0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1], "no dictionary with the lists 'train' and 'test'"),
        ({"train": []}, "no dictionary with the lists"),
        (changed("train", 3, (CLOUD, 0)), "row 3 of 'train' is no triple"),
        (changed("test", 2, (CLOUD, 0, 99)), "row 2 of 'test' is 99; expected 0 to 39"),
        (changed("test", 2, (CLOUD, 0, 30)), "row 2 of 'test' has label 0 and class 30"),
        (changed("test", 2, (CLOUD, 7, 7)), "row 2 of 'test' has label 7 and class 7"),
        (changed("train", 49, (CLOUD.T, 0, 0)), r"row 49 of 'train' is \(6, 40\)"),
        (changed("train", 49, (CLOUD * np.nan, 0, 0)), "row 49 of 'train' has NaN"),
        ({"train": [], "test": []}, "no cloud is in the train split"),
    ],
)
def test_bad_content_is_named(root: Path, content: Any, message: str) -> None:
    path = files.modelnet40_few_shot(root, folds=1) / "5way_10shot" / "0.pkl"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(FoundryError, match=message):
        loader(NAME, root, folds=1).load(None)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_pickle_cut_short_is_one_error(root: Path, share: float) -> None:
    path = files.modelnet40_few_shot(root, folds=1) / "5way_10shot" / "0.pkl"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(FoundryError, match=r"0\.pkl cannot be read .* damaged or cut short"):
        loader(NAME, root, folds=1).load(None)
