from pathlib import Path

import pytest

from foundry_bench.sweep.marks import NotShared, check_marks, marked


def test_marked_folders_are_seen_and_left_as_they_were(tmp_path: Path) -> None:
    folders = [tmp_path / "out", tmp_path / "store"]
    with marked(folders) as mark:
        check_marks(folders, mark)
    assert all(list(folder.iterdir()) == [] for folder in folders)


def test_a_folder_of_the_same_name_on_another_machine_is_told_apart(tmp_path: Path) -> None:
    with marked([tmp_path / "out"]) as mark, pytest.raises(NotShared) as caught:
        check_marks([tmp_path / "out", tmp_path], mark)
    assert f"does not see {tmp_path}: give --out and --store on a path" in str(caught.value)


def test_where_the_machine_is_the_drivers_own_nothing_is_checked(tmp_path: Path) -> None:
    check_marks([tmp_path / "nowhere"], None)
