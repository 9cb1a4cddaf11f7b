"""ModelNet40 in its three forms, on small files written as they are published."""

import pickle
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from foundry_bench.data.modelnet40_names import NAMES
from foundry_bench.errors import FoundryError
from tests.data import published_files as files
from tests.data.published_files import assert_same_set, cloud, loader


def test_hdf5_files_are_read_in_the_order_of_their_lists(root: Path) -> None:
    files.modelnet40_hdf5(root)
    dataset = loader("modelnet40", root).load(None)
    assert dataset.points_NP3.shape == (8, 40, 3)
    assert dataset.labels_N.tolist() == [0, 1, 39, 1, 0, 39, 39, 0]
    assert dataset.splits["train"].tolist() == [0, 1, 2, 3, 4, 5]
    assert dataset.splits["test"].tolist() == [6, 7]
    assert dataset.class_names == NAMES
    assert (len(set(NAMES)), NAMES[0], NAMES[23], NAMES[39]) == (
        40,
        "airplane",
        "night_stand",
        "xbox",
    )
    for row in range(8):
        assert_same_set(dataset.points_NP3[row], cloud(row))


def test_text_files_give_points_without_normals(root: Path) -> None:
    files.modelnet40_normals(root)
    dataset = loader("modelnet40", root, source="normals").load(None)
    assert [NAMES[label] for label in dataset.labels_N] == [
        "airplane",
        "night_stand",
        "night_stand",
        "airplane",
        "night_stand",
    ]
    assert dataset.splits["test"].tolist() == [3, 4]
    for row in range(5):
        assert_same_set(dataset.points_NP3[row], cloud(row, columns=6)[:, :3])


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_dat_files_keep_the_order_of_farthest_point_sampling(root: Path, protocol: int) -> None:
    files.modelnet40_dat(root, protocol)
    dataset = loader("modelnet40", root, source="dat", points=30).load(None)
    assert dataset.labels_N.tolist() == [0, 39, 0, 39, 0]
    assert dataset.splits["train"].tolist() == [0, 1, 2]
    first = cloud(3, columns=6)[:30, :3].astype(np.float64)
    first -= first.mean(axis=0)
    first /= np.linalg.norm(first, axis=1).max()
    np.testing.assert_allclose(dataset.points_NP3[3], first, atol=1e-6)


def test_the_dat_files_are_found_in_point_berts_folder_too(root: Path) -> None:
    files.modelnet40_dat(root / "ModelNet")
    assert len(loader("modelnet40", root, source="dat").load(None).points_NP3) == 5
    assert len(loader("modelnet40", root / "ModelNet", source="dat").load(None).points_NP3) == 5


def test_a_limit_takes_few_clouds_of_all_classes_and_reads_no_other_files(root: Path) -> None:
    folder = files.modelnet40_normals(root)
    few = loader("modelnet40", root, source="normals", limit=2)
    (folder / "night_stand" / "night_stand_0002.txt").unlink()
    dataset = few.load(None)
    assert [NAMES[label] for label in dataset.labels_N] == ["airplane", "night_stand"] * 2
    assert dataset.splits["test"].tolist() == [2, 3]
    files.modelnet40_hdf5(root)
    dataset = loader("modelnet40", root, limit=1).load(None)
    assert dataset.labels_N.tolist() == [0, 0]
    assert_same_set(dataset.points_NP3[1], cloud(7))


@pytest.mark.parametrize(
    ("source", "name", "message"),
    [
        ("hdf5", "train_files.txt", "train_files.txt is missing"),
        ("hdf5", "ply_data_train1.h5", "ply_data_train1.h5 is missing"),
        ("normals", "modelnet40_test.txt", "modelnet40_test.txt is missing"),
        (
            "normals",
            "night_stand/night_stand_0002.txt",
            "night_stand_0002.txt, which line 3 of modelnet40_train.txt names, is missing",
        ),
        ("dat", "modelnet40_test_8192pts_fps.dat", "_fps.dat is missing"),
    ],
)
def test_a_missing_file_is_named_with_what_to_do(
    root: Path, source: str, name: str, message: str
) -> None:
    write = {
        "hdf5": files.modelnet40_hdf5,
        "normals": files.modelnet40_normals,
        "dat": files.modelnet40_dat,
    }
    folder = write[source](root)
    (folder / name).unlink()
    with pytest.raises(FoundryError, match=message) as caught:
        loader("modelnet40", root, source=source).load(None)
    for text in (
        folder.name,
        "from: Point",
        "terms: ",
        "data.root",
        "--root",
        "FOUNDRY_BENCH_DATA",
    ):
        assert text in str(caught.value), text


def text_cloud(points_MD: Any) -> str:
    return "\n".join(",".join(f"{value:.4f}" for value in row) for row in np.asarray(points_MD))


WHOLE = cloud(0, columns=6)
BROKEN = WHOLE.copy()
BROKEN[7, 1] = np.nan


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is an empty cloud"),
        (text_cloud(WHOLE[:, :5]), "has 5 numbers a line; expected 6"),
        (text_cloud(WHOLE[:4]) + "\n1,2,3", "at row 5"),
        (text_cloud(WHOLE[:4]) + "\n1,2,3,4,5,six", "'six'.* at row 4"),
        (text_cloud(WHOLE).replace(",", " "), "expected 6 numbers a line"),
        (text_cloud(BROKEN), r"has NaN or infinity \(point 7\)"),
        (text_cloud(WHOLE[:39]), "has 39 points, 40 are asked for"),
        (text_cloud(np.ones((40, 6))), "is a single point"),
    ],
)
def test_a_bad_text_cloud_is_named(root: Path, text: str, message: str) -> None:
    path = files.modelnet40_normals(root) / "night_stand" / "night_stand_0001.txt"
    path.write_text(text)
    with pytest.raises(FoundryError, match=message) as caught:
        loader("modelnet40", root, source="normals").load(None)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("airplane_0001\nspoon_0001", "line 2 is 'spoon_0001'; expected <class>_<number>"),
        ("airplane_0001\n\nbed_0001", "line 2 is empty"),
        ("airplane_0001\nairplane_0001", "line 2 is 'airplane_0001', which line 1 is already"),
        ("", "line 1 is empty"),
    ],
)
def test_a_bad_list_is_named_with_its_line(root: Path, lines: str, message: str) -> None:
    path = files.modelnet40_normals(root) / "modelnet40_train.txt"
    path.write_text(lines)
    with pytest.raises(FoundryError, match=message) as caught:
        loader("modelnet40", root, source="normals").load(None)
    assert str(path) in str(caught.value)


def test_a_category_without_train_shapes_is_named(root: Path) -> None:
    folder = files.modelnet40_normals(root)
    (folder / "modelnet40_train.txt").write_text("airplane_0001\n")
    with pytest.raises(FoundryError, match="class 'night_stand' has 1 test clouds, none in train"):
        loader("modelnet40", root, source="normals").load(None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([[WHOLE]], "holds list; expected"),
        ({"data": WHOLE}, "holds dict; expected"),
        ([[WHOLE, WHOLE], [np.array([0])]], "holds 2 clouds and 1 labels"),
        ([[WHOLE, WHOLE.T], [np.array([0]), np.array([39])]], r"cloud 1 is \(6, 40\)"),
        ([[WHOLE, WHOLE[:, :3].T], [0, 39]], "cloud 1 is .* the axes are swapped"),
        ([[WHOLE, WHOLE[:0]], [0, 39]], "cloud 1 is an empty cloud"),
        ([[WHOLE, BROKEN], [0, 39]], "cloud 1 has NaN"),
        ([[WHOLE, WHOLE], [0, 40]], "label 1 is 40; expected 0 to 39"),
        ([[WHOLE, WHOLE], [0, 0.5]], "label 1 is 0.5"),
        ([[WHOLE, "cloud"], [0, 39]], "cloud 1 is"),
    ],
)
def test_bad_content_of_a_dat_file_is_named(root: Path, content: Any, message: str) -> None:
    path = files.modelnet40_dat(root) / "modelnet40_train_8192pts_fps.dat"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(FoundryError, match=message) as caught:
        loader("modelnet40", root, source="dat").load(None)
    assert str(path) in str(caught.value)


def change(path: Path, **arrays: Any) -> None:
    with h5py.File(path, "a") as file:
        for key, array in arrays.items():
            del file[key]
            if array is not None:
                file[key] = array


CLOUDS = np.stack([cloud(row) for row in range(3)])
NAN = CLOUDS.copy()
NAN[2, 5, 0] = np.inf


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"data": CLOUDS.transpose(0, 2, 1)}, r"'data' is \(3, 3, 40\) .* the axes are swapped"),
        ({"data": CLOUDS[..., :2]}, r"'data' is \(3, 40, 2\)"),
        ({"data": CLOUDS.astype("S4")}, "expected numbers"),
        ({"data": CLOUDS[:, :0]}, "row 0 of 'data' is an empty cloud"),
        ({"data": NAN}, r"row 2 of 'data' has NaN or infinity \(point 5\)"),
        ({"data": CLOUDS * 0}, "row 0 of 'data' is a single point"),
        ({"data": None}, "unknown array 'data'"),
        ({"label": None}, r"unknown array 'label'.*\(it has data\)"),
        ({"label": np.array([0, 1])}, r"'label' is \(2,\), 'data' has 3 clouds"),
        ({"label": np.array([0, 40, 1])}, "row 1 of 'label' is 40; expected 0 to 39"),
        ({"label": np.array([0.0, 1.0, 1.0])}, "'label' is of float64"),
    ],
)
def test_bad_content_of_an_hdf5_file_is_named(
    root: Path, arrays: dict[str, Any], message: str
) -> None:
    path = files.modelnet40_hdf5(root) / "ply_data_train1.h5"
    change(path, **arrays)
    with pytest.raises(FoundryError, match=message) as caught:
        loader("modelnet40", root).load(None)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.95])
def test_an_hdf5_file_cut_short_is_one_error(root: Path, share: float) -> None:
    path = files.modelnet40_hdf5(root) / "ply_data_test0.h5"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(FoundryError, match="cannot be read as HDF5; it is damaged or cut short"):
        loader("modelnet40", root).load(None)


def test_damaged_clouds_of_an_hdf5_file_are_one_error(root: Path) -> None:
    path = files.modelnet40_hdf5(root) / "ply_data_test0.h5"
    with h5py.File(path, "r") as file:
        chunk = file["data"].id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset : chunk.byte_offset + chunk.size] = bytes(chunk.size)
    path.write_bytes(content)
    with pytest.raises(FoundryError, match=r"ply_data_test0\.h5 cannot be read as HDF5"):
        loader("modelnet40", root).load(None)
