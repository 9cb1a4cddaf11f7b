"""ShapeNet55: a list a split, a file a cloud, the class in the file's name."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from foundry_bench.data.shapenet55_names import NAMES
from foundry_bench.errors import FoundryError
from tests.data import published_files as files
from tests.data.published_files import assert_same_set, cloud, loader


def test_classes_are_the_synsets_of_the_file_names(root: Path) -> None:
    files.shapenet55(root)
    dataset = loader("shapenet55", root).load(None)
    assert dataset.labels_N.tolist() == [0, 54, 0, 54, 0]
    assert dataset.splits["test"].tolist() == [3, 4]
    assert (dataset.class_names[0], dataset.class_names[54]) == ("airplane", "washer")
    assert len(NAMES) == len(set(NAMES.values())) == len(dataset.class_names) == 55
    assert list(NAMES) == sorted(NAMES)
    for row in range(5):
        assert_same_set(dataset.points_NP3[row], cloud(row))


def test_the_lists_may_lie_beside_the_clouds(root: Path) -> None:
    folder = files.shapenet55(root, lists=".")
    folder.rename(root / "ShapeNet55")
    assert len(loader("shapenet55", root).load(None).points_NP3) == 5


def test_fewer_points_are_a_part_of_the_cloud_scaled_anew(root: Path) -> None:
    files.shapenet55(root)
    few = loader("shapenet55", root, points=8).load(None)
    assert few.points_NP3.shape == (5, 8, 3)
    np.testing.assert_allclose(np.linalg.norm(few.points_NP3, axis=2).max(1), 1, atol=1e-6)
    with pytest.raises(FoundryError, match=r"a\.npy has 40 points, 41 are asked for"):
        loader("shapenet55", root, points=41).load(None)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ShapeNet-55/train.txt", "ShapeNet-55/train.txt is missing"),
        (
            "shapenet_pc/02691156-e.npy",
            "02691156-e.npy, which line 2 of test.txt names, is missing",
        ),
    ],
)
def test_a_missing_file_is_named_with_its_line(root: Path, name: str, message: str) -> None:
    (files.shapenet55(root) / name).unlink()
    with pytest.raises(FoundryError, match=message):
        loader("shapenet55", root).load(None)


@pytest.mark.parametrize(
    "line", ["0269115-a.npy", "02691156.npy", "02691156-a.txt", "02691156-../../a.npy"]
)
def test_a_name_without_class_is_named_with_its_line(root: Path, line: str) -> None:
    path = files.shapenet55(root) / "ShapeNet-55" / "test.txt"
    path.write_text(f"02691156-e.npy\n{line}\n")
    with pytest.raises(FoundryError, match=f"{path}: line 2 is '{line}'; expected <synset>-<id>"):
        loader("shapenet55", root).load(None)


NAN = cloud(0)
NAN[9, 2] = np.nan


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (cloud(0).T, r"is \(3, 40\) of float32; .* the axes are swapped"),
        (cloud(0)[None], r"is \(1, 40, 3\)"),
        (cloud(0)[:0], "is an empty cloud"),
        (cloud(0).astype("S"), "expected numbers"),
        (NAN, r"has NaN or infinity \(point 9\)"),
        (np.array([{}], dtype=object), "cannot be read as .npy: Object arrays"),
    ],
)
def test_a_bad_cloud_is_named(root: Path, array: np.ndarray, message: str) -> None:
    path = files.shapenet55(root) / "shapenet_pc" / "04554684-b.npy"
    np.save(path, array, allow_pickle=True)
    with pytest.raises(FoundryError, match=message) as caught:
        loader("shapenet55", root).load(None)
    assert str(path) in str(caught.value)


def test_a_cloud_cut_short_or_pickled_is_one_error(root: Path) -> None:
    path = files.shapenet55(root) / "shapenet_pc" / "04554684-b.npy"
    whole = path.read_bytes()
    for content in (b"", whole[:50], whole[:-5], pickle.dumps([1])):
        path.write_bytes(content)
        with pytest.raises(FoundryError, match=r"b\.npy cannot be read as \.npy"):
            loader("shapenet55", root).load(None)
