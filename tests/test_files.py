import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from foundry_bench.errors import FoundryError
from foundry_bench.files import replacing, reserve


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MiB."""
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk takes more rights")
    yield path
    subprocess.run(["umount", "--lazy", str(path)], check=True)


def sparse(path: Path, size: int) -> Path:
    with path.open("wb") as file:
        file.truncate(size)
    return path


def test_the_file_appears_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.json"
    with replacing(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_keeps_the_old_file_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_text("old")

    def fail() -> None:
        with replacing(path) as temporary:
            temporary.write_text("ha")
            raise RuntimeError("full")

    with pytest.raises(RuntimeError, match="full"):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_two_writers_do_not_share_a_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    with replacing(path) as first, replacing(path) as second:
        first.write_text("first")
        second.write_text("second")
    assert first != second
    assert path.read_text() == "first"


def test_reserving_takes_the_room_and_changes_no_byte(tmp_path: Path) -> None:
    path = tmp_path / "array"
    path.write_bytes(b"head")
    os.truncate(path, 2**21)
    reserve(path)
    assert path.read_bytes() == b"head" + bytes(2**21 - 4)
    assert path.stat().st_blocks * 512 >= 2**21


def test_a_disk_without_the_room_says_how_much_it_takes(disk: Path) -> None:
    path = sparse(disk / "array", 2**24)
    with pytest.raises(
        FoundryError, match=r"takes 16\.0 MiB, and its disk has 2\.0 left"
    ) as caught:
        reserve(path)
    assert isinstance(caught.value.__cause__, OSError), "by which the store knows a full disk"
    assert not path.exists()


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.EINVAL])
def test_a_file_system_that_cannot_reserve_is_used_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    path = sparse(tmp_path / "array", 2**20)
    reserve(path)
    assert path.stat().st_size == 2**20


def test_a_system_that_cannot_reserve_is_used_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "posix_fallocate")
    reserve(sparse(tmp_path / "array", 2**20))
