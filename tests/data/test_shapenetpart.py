"""ShapeNetPart: published lists, categories and parts."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foundry_bench.errors import FoundryError
from tests.data import published_files as files
from tests.data.published_files import assert_same_set, cloud, loader, part_table, write_list


def test_train_and_val_are_train_and_parts_are_numbered_through(root: Path) -> None:
    files.shapenetpart(root)
    dataset = loader("shapenetpart", root).load(None)
    assert [dataset.class_names[label] for label in dataset.labels_N] == [
        "Airplane",
        "Airplane",
        "Table",
        "Airplane",
        "Table",
    ]
    assert dataset.splits["test"].tolist() == [3, 4]
    assert dataset.parts_NP is not None
    assert dataset.parts_NP.dtype == np.int16
    assert dataset.parts_NP[:, 0].tolist() == [0, 2, 47, 3, 48]
    for row, seed in enumerate([0, 2, 1, 4, 3]):
        assert_same_set(dataset.points_NP3[row], cloud(seed, columns=6)[:, :3])
    assert dataset.part_mask("train", "test").sum() == 5
    assert dataset.part_mask("train", "test")[0, [0, 2, 3]].all()


def test_the_categories_and_their_parts_are_as_published(root: Path) -> None:
    files.shapenetpart(root)
    dataset = loader("shapenetpart", root).load(None)
    assert len(dataset.class_names) == 16
    assert len(dataset.part_names) == 50
    owners = {
        "Earphone": (16, 18),
        "Motorbike": (30, 35),
        "Rocket": (41, 43),
        "Car": (8, 11),
        "Laptop": (28, 29),
        "Cap": (6, 7),
        "Skateboard": (44, 46),
        "Mug": (36, 37),
        "Guitar": (19, 21),
        "Bag": (4, 5),
        "Lamp": (24, 27),
        "Table": (47, 49),
        "Airplane": (0, 3),
        "Pistol": (38, 40),
        "Chair": (12, 15),
        "Knife": (22, 23),
    }
    for name, (first, last) in owners.items():
        expected = [f"{name}/{part}" for part in range(last - first + 1)]
        assert list(dataset.part_names[first : last + 1]) == expected


def test_points_and_parts_stay_together(root: Path) -> None:
    path = files.shapenetpart(root) / "02691156" / "a.txt"
    table = part_table(0, 0)
    table[:, 6] = np.where(table[:, 0] > 2, 1, 3)
    np.savetxt(path, table, fmt="%.6f")
    dataset = loader("shapenetpart", root, points=30).load(None)
    assert dataset.parts_NP is not None
    right_P = dataset.parts_NP[0] == 1
    assert 0 < right_P.sum() < 30
    assert dataset.points_NP3[0, right_P, 0].min() > dataset.points_NP3[0, ~right_P, 0].max()


def test_clouds_with_few_points_have_some_of_them_twice(root: Path) -> None:
    files.shapenetpart(root)
    dataset = loader("shapenetpart", root, points=60).load(None)
    distinct, times = np.unique(dataset.points_NP3[0], axis=0, return_counts=True)
    assert len(distinct) == 40
    assert set(times.tolist()) == {1, 2}
    assert np.array_equal(
        dataset.points_NP3[0, :40],
        np.unique(dataset.points_NP3[0], axis=0)[
            [np.flatnonzero((distinct == point).all(1))[0] for point in dataset.points_NP3[0, :40]]
        ],
    )
    enough = loader("shapenetpart", root).load(None)
    assert len(np.unique(enough.points_NP3[0], axis=0)) == 40


def test_listed_shapes_without_a_file_are_left_out_and_counted(root: Path) -> None:
    folder = files.shapenetpart(root)
    write_list(folder, "val", ["shape_data/02691156/c", "shape_data/02691156/gone"])
    made = loader("shapenetpart", root)
    dataset = made.load(None)
    assert len(dataset.splits["train"]) == 3
    finding = made.check(dataset)[0]
    assert (finding.what, finding.found) == (
        "listed shapes without a file",
        "1 (02691156/gone.txt, …)",
    )
    assert finding.is_ok is None


def test_a_category_without_train_shapes_is_named(root: Path) -> None:
    folder = files.shapenetpart(root)
    (folder / "04379243" / "b.txt").unlink()
    with pytest.raises(FoundryError, match="class 'Table' has 1 test clouds, none in train"):
        loader("shapenetpart", root).load(None)


@pytest.mark.parametrize(
    "name", ["synsetoffset2category.txt", "train_test_split/shuffled_val_file_list.json"]
)
def test_a_missing_list_is_named(root: Path, name: str) -> None:
    path = files.shapenetpart(root) / name
    path.unlink()
    with pytest.raises(FoundryError, match=r"shapenet\.org") as caught:
        loader("shapenetpart", root).load(None)
    assert f"{path} is missing" in str(caught.value)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (["shape_data/02691156/c", "02691156/c"], "row 1 is '02691156/c'; expected 'shape_data"),
        (["shape_data/99/c"], "row 0 is 'shape_data/99/c'"),
        ([3], "row 0 is 3"),
        ({"a": 1}, "holds no list"),
    ],
)
def test_a_bad_list_is_named_with_its_row(root: Path, entries: Any, message: str) -> None:
    path = write_list(files.shapenetpart(root), "val", entries)
    with pytest.raises(FoundryError, match=message) as caught:
        loader("shapenetpart", root).load(None)
    assert str(path) in str(caught.value)


def test_a_list_cut_short_is_one_error(root: Path) -> None:
    path = write_list(files.shapenetpart(root), "val", ["shape_data/02691156/c"])
    path.write_text(path.read_text()[:-4])
    with pytest.raises(FoundryError, match=r"val_file_list\.json is damaged or cut short"):
        loader("shapenetpart", root).load(None)


def test_lists_may_begin_with_a_byte_order_mark(root: Path) -> None:
    folder = files.shapenetpart(root)
    without = loader("shapenetpart", root).load(None)
    lists = [*folder.glob("train_test_split/*.json"), folder / "synsetoffset2category.txt"]
    for path in lists:
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    dataset = loader("shapenetpart", root).load(None)
    assert len(lists) == 4
    np.testing.assert_array_equal(dataset.points_NP3, without.points_NP3)
    np.testing.assert_array_equal(dataset.labels_N, without.labels_N)


def test_an_unknown_category_is_named(root: Path) -> None:
    path = files.shapenetpart(root) / "synsetoffset2category.txt"
    path.write_text("Airplane\t02691156\nSpoon\t04379243\n")
    with pytest.raises(FoundryError, match="line 2 is 'Spoon"):
        loader("shapenetpart", root).load(None)


def changed(row: int, column: int, value: float) -> Any:
    table = part_table(0, 0)
    table[row, column] = value
    return table


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (part_table(0, 0)[:, :6], "has 6 numbers a line; expected 7"),
        (part_table(0, 0)[:0], "is an empty cloud"),
        (changed(5, 6, 4), "line 6 has part 4; parts of Airplane are 0 to 3"),
        (changed(5, 6, 0.5), "line 6 has part 0.5"),
        (changed(5, 1, np.nan), r"has NaN or infinity \(point 5\)"),
    ],
)
def test_a_bad_cloud_is_named(root: Path, table: Any, message: str) -> None:
    path = files.shapenetpart(root) / "02691156" / "a.txt"
    np.savetxt(path, table, fmt="%.6f")
    with pytest.raises(FoundryError, match=message) as caught:
        loader("shapenetpart", root).load(None)
    assert str(path) in str(caught.value)
