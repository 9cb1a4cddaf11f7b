"""Small datasets in the published formats: 40 points a cloud, train clouds before test clouds."""

import json
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from foundry_bench.data.loader import loader_of
from foundry_bench.data.published import Published
from foundry_bench.registries import DATASETS

POINTS = 40
Array = np.ndarray[Any, Any]


def cloud(seed: int, points: int = POINTS, columns: int = 3) -> Array:
    """Random points off the centre, flat along y."""
    points_MD = np.random.default_rng(seed).normal(size=(points, columns)) * 0.3
    points_MD[:, 1] *= 0.1
    return (points_MD + 2).astype(np.float32)


def assert_same_set(found_P3: Array, points_M3: Array) -> None:
    """The cloud is the file's, centred and scaled, in any order of points."""
    points = points_M3.astype(np.float64)
    points -= points.mean(axis=0)
    points /= np.linalg.norm(points, axis=1).max()
    by_x = [given[given[:, 0].argsort()] for given in (found_P3.astype(np.float64), points)]
    np.testing.assert_allclose(*by_x, atol=2e-6)


def loader(name: str, root: Path, /, **settings: Any) -> Published:
    """The loader of the dataset `name` in `root`, for `POINTS` points unless told otherwise."""
    values = {"name": name, "root": str(root), "points": POINTS} | settings
    made = loader_of(DATASETS.get(name).Settings.model_validate(values))
    assert isinstance(made, Published)
    return made


def write_hdf5(path: Path, clouds_NM3: Array, labels: Array, **others: Array) -> Path:
    """One file with `data` and `label`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for key, array in {"data": clouds_NM3, "label": labels, **others}.items():
            file.create_dataset(key, data=array, compression="gzip")
    return path


def modelnet40_hdf5(root: Path) -> Path:
    """Two train files of three clouds and one test file of two; labels 0, 1, 39."""
    folder = root / "modelnet40_ply_hdf5_2048"
    parts = {"train": [(0, [0, 1, 39]), (3, [1, 0, 39])], "test": [(6, [39, 0])]}
    for split, files in parts.items():
        names = []
        for number, (first, labels) in enumerate(files):
            name = f"ply_data_{split}{number}.h5"
            clouds = np.stack([cloud(first + row) for row in range(len(labels))])
            write_hdf5(folder / name, clouds, np.array(labels, np.uint8)[:, None])
            names.append(f"data/modelnet40_ply_hdf5_2048/{name}\n")
        (folder / f"{split}_files.txt").write_text("".join(names))
    return folder


def modelnet40_normals(root: Path) -> Path:
    """Three train shapes and two test shapes, x, y, z and a normal in each line."""
    folder = root / "modelnet40_normal_resampled"
    ids = {
        "train": ["airplane_0001", "night_stand_0001", "night_stand_0002"],
        "test": ["airplane_0627", "night_stand_0201"],
    }
    seed = 0
    for split, names in ids.items():
        for name in names:
            path = folder / name.rpartition("_")[0] / f"{name}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savetxt(path, cloud(seed, columns=6), fmt="%.6f", delimiter=",")
            seed += 1
        (folder / f"modelnet40_{split}.txt").write_text("\n".join(names) + "\n")
    return folder


def modelnet40_dat(root: Path, protocol: int = 4) -> Path:
    """Three train clouds and two test clouds of six columns."""
    folder = root / "modelnet40_normal_resampled"
    folder.mkdir(parents=True, exist_ok=True)
    for split, first, labels in (("train", 0, [0, 39, 0]), ("test", 3, [39, 0])):
        content = [
            [cloud(first + row, columns=6) for row in range(len(labels))],
            [np.array([label]).astype(np.int32) for label in labels],
        ]
        path = folder / f"modelnet40_{split}_8192pts_fps.dat"
        path.write_bytes(pickle.dumps(content, protocol))
    return folder


def fold_content(seed: int, way: int = 5, shot: int = 10, queries: int = 20) -> dict[str, Any]:
    """A fold of `way` classes from number `seed` on, in the order of Point-BERT's script."""
    random = np.random.default_rng(seed)
    content: dict[str, Any] = {}
    for split, num in (("train", shot), ("test", queries)):
        rows = [
            (cloud(1000 * seed + 100 * label + row + 50 * (split == "test"), columns=6), label)
            for label in range(way)
            for row in range(num)
        ]
        content[split] = [
            (*rows[place], np.int32((3 * seed + rows[place][1]) % 40))
            for place in random.permutation(len(rows))
        ]
    return content


def modelnet40_few_shot(root: Path, folds: int = 10, way: int = 5, shot: int = 10) -> Path:
    """The folds of one problem."""
    folder = root / "ModelNetFewshot"
    place = folder / f"{way}way_{shot}shot"
    place.mkdir(parents=True, exist_ok=True)
    for number in range(folds):
        (place / f"{number}.pkl").write_bytes(pickle.dumps(fold_content(number, way, shot)))
    return folder


def scanobjectnn(root: Path) -> Path:
    """Each of the six files with its own clouds; labels 0 and 14."""
    folder = root / "ScanObjectNN"
    seed = 0
    for place, suffix in (
        ("main_split", "objectdataset"),
        ("main_split_nobg", "objectdataset"),
        ("main_split", "objectdataset_augmentedrot_scale75"),
    ):
        for split, labels in (("training", [0, 14, 14]), ("test", [14, 0])):
            clouds = np.stack([cloud(seed + row) for row in range(len(labels))])
            path = folder / place / f"{split}_{suffix}.h5"
            write_hdf5(path, clouds, np.array(labels), mask=np.zeros((len(labels), POINTS)))
            seed += len(labels)
    return folder


SHAPENET55 = {
    "train": ["02691156-a.npy", "04554684-b.npy", "02691156-c.npy"],
    "test": ["04554684-d.npy", "02691156-e.npy"],
}


def shapenet55(root: Path, lists: str = "ShapeNet-55") -> Path:
    """Clouds of two synsets, the first and the last."""
    folder = root / "ShapeNet55-34"
    (folder / "shapenet_pc").mkdir(parents=True)
    (folder / lists).mkdir(exist_ok=True)
    for split, names in SHAPENET55.items():
        (folder / lists / f"{split}.txt").write_text("\n".join(names))
    for seed, name in enumerate([*SHAPENET55["train"], *SHAPENET55["test"]]):
        np.save(folder / "shapenet_pc" / name, cloud(seed))
    return folder


SHAPENETPART = {
    "train": [("02691156", "a", 0), ("04379243", "b", 47)],
    "val": [("02691156", "c", 2)],
    "test": [("04379243", "d", 48), ("02691156", "e", 3)],
}
CATEGORIES = {"Airplane": "02691156", "Table": "04379243"}


def part_table(seed: int, part: int, points: int = POINTS) -> Array:
    """x, y, z, a normal, and one part for all points."""
    return np.hstack([cloud(seed, points, 6), np.full((points, 1), part)])


def shapenetpart(root: Path) -> Path:
    """Two categories; the lists are in another order than the names."""
    folder = root / "shapenetcore_partanno_segmentation_benchmark_v0_normal"
    (folder / "train_test_split").mkdir(parents=True)
    lines = [f"{name}\t{synset}\n" for name, synset in CATEGORIES.items()]
    (folder / "synsetoffset2category.txt").write_text("".join(lines))
    seed = 0
    for word, shapes in SHAPENETPART.items():
        write_list(folder, word, [f"shape_data/{synset}/{key}" for synset, key, _ in shapes][::-1])
        for synset, key, part in shapes:
            path = folder / synset / f"{key}.txt"
            path.parent.mkdir(exist_ok=True)
            np.savetxt(path, part_table(seed, part), fmt="%.6f")
            seed += 1
    return folder


def write_list(folder: Path, word: str, entries: Sequence[Any]) -> Path:
    """One of ShapeNetPart's lists."""
    path = folder / "train_test_split" / f"shuffled_{word}_file_list.json"
    path.write_text(json.dumps(entries))
    return path
