"""Lists and tables as other systems save them."""

import pickle
from pathlib import Path

import numpy as np

from foundry_bench.data.cloud_files import read_lines, read_table
from foundry_bench.data.modelnet40_dat import dat_listing


def test_a_byte_order_mark_and_cr_lf_are_no_part_of_names(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(b"\xef\xbb\xbfchair_1\r\nchair_2\r\n")
    assert read_lines(path) == ["chair_1", "chair_2"]


def test_a_byte_order_mark_is_no_part_of_numbers(tmp_path: Path) -> None:
    path = tmp_path / "cloud.txt"
    path.write_bytes(b"\xef\xbb\xbf1,2,3\r\n4,5,6\r\n")
    assert read_table(path, 3, delimiter=",").tolist() == [[1, 2, 3], [4, 5, 6]]


def test_a_stacked_array_of_clouds_is_a_list_of_them(tmp_path: Path) -> None:
    path = tmp_path / "modelnet40.dat"
    clouds = np.random.default_rng(0).normal(size=(3, 5, 6)).astype(np.float32)
    path.write_bytes(pickle.dumps([clouds, np.array([[1], [2], [39]])]))
    listing = dat_listing(path, path)
    assert listing.labels_N.tolist() == [1, 2, 39] * 2
    assert listing.num_train == 3
    for row, cloud in enumerate(listing.read(np.arange(6))):
        np.testing.assert_array_equal(cloud.points_M3, clouds[row % 3, :, :3])
