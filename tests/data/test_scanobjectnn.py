"""ScanObjectNN's variants come from the files they are published in."""

from pathlib import Path

import numpy as np
import pytest

from foundry_bench.data.scanobjectnn import NAMES
from foundry_bench.errors import FoundryError
from tests.data import published_files as files
from tests.data.published_files import assert_same_set, cloud, loader


@pytest.mark.parametrize(("variant", "first"), [("obj_bg", 0), ("obj_only", 5), ("pb_t50_rs", 10)])
def test_each_variant_has_its_files(root: Path, variant: str, first: int) -> None:
    files.scanobjectnn(root)
    dataset = loader("scanobjectnn", root, variant=variant).load(None)
    assert dataset.labels_N.tolist() == [0, 14, 14, 14, 0]
    assert dataset.splits["test"].tolist() == [3, 4]
    for row in range(5):
        assert_same_set(dataset.points_NP3[row], cloud(first + row))
    assert dataset.class_names == NAMES
    assert (len(set(NAMES)), NAMES[0], NAMES[14]) == (15, "bag", "toilet")


@pytest.mark.parametrize(
    ("variant", "counts"),
    [("obj_bg", (2309, 581)), ("obj_only", (2309, 581)), ("pb_t50_rs", (11416, 2882))],
)
def test_the_published_counts_are_expected(
    root: Path, variant: str, counts: tuple[int, int]
) -> None:
    files.scanobjectnn(root)
    made = loader("scanobjectnn", root, variant=variant)
    findings = made.check(made.load(None))
    assert [finding.expected for finding in findings[:3]] == [f"{n:,}" for n in (*counts, 15)]
    assert [finding.is_ok for finding in findings[:3]] == [False, False, True]


def test_the_folder_of_the_published_archive_does_as_well(root: Path) -> None:
    files.scanobjectnn(root).rename(root / "h5_files")
    assert len(loader("scanobjectnn", root).load(None).points_NP3) == 5


def test_a_missing_variant_is_named(root: Path) -> None:
    folder = files.scanobjectnn(root)
    path = folder / "main_split_nobg" / "test_objectdataset.h5"
    path.unlink()
    assert len(loader("scanobjectnn", root, variant="obj_bg").load(None).points_NP3) == 5
    with pytest.raises(FoundryError, match="hkust-vgd") as caught:
        loader("scanobjectnn", root, variant="obj_only").load(None)
    assert f"{path} is missing" in str(caught.value)


def test_a_label_beyond_the_classes_is_named(root: Path) -> None:
    path = files.scanobjectnn(root) / "main_split" / "test_objectdataset.h5"
    files.write_hdf5(path, np.stack([cloud(0), cloud(1)]), np.array([0, 15]))
    with pytest.raises(FoundryError, match="row 1 of 'label' is 15; expected 0 to 14"):
        loader("scanobjectnn", root, variant="obj_bg").load(None)
