"""Checksums are remembered, and never wrong for that."""

import hashlib
import os
from pathlib import Path

import pytest

from foundry_bench.data import checksums as module
from foundry_bench.data.checksums import checksums


def write(path: Path, content: str, time_s: int = 1_000_000_000) -> Path:
    path.write_text(content)
    os.utime(path, (time_s, time_s))
    return path


def digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in "abc":
        write(tmp_path / name, name)
    return tmp_path


@pytest.fixture
def memory(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("XDG_CACHE_HOME", str(home))
    return home / "foundry-bench" / "checksums"


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are read."""
    names: list[str] = []
    original = module.file_digest

    def file_digest(path: Path) -> str:
        names.append(path.name)
        return original(path)

    monkeypatch.setattr(module, "file_digest", file_digest)
    return names


def test_files_are_read_once(folder: Path, memory: Path, reads: list[str]) -> None:
    expected = [digest(name) for name in "cab"]
    assert checksums(folder, ["c", "a", "b"], "looking") == expected
    assert reads == ["c", "a", "b"]
    assert len(list(memory.iterdir())) == 1
    assert checksums(folder, ["c", "a", "b"], "looking") == expected
    assert len(reads) == 3


def test_a_changed_file_is_read_again_and_no_other(
    folder: Path, memory: Path, reads: list[str]
) -> None:
    checksums(folder, ["a", "b"], "looking")
    write(folder / "a", "A", 1_000_000_001)
    assert checksums(folder, ["a", "b", "c"], "looking") == [digest(text) for text in "Abc"]
    assert reads == ["a", "b", "a", "c"]
    write(folder / "a", "longer")
    assert checksums(folder, ["a"], "looking") == [digest("longer")]


def test_a_file_that_was_just_written_is_not_remembered(
    folder: Path, memory: Path, reads: list[str]
) -> None:
    (folder / "a").write_text("new")
    checksums(folder, ["a", "b"], "looking")
    checksums(folder, ["a", "b"], "looking")
    assert reads == ["a", "b", "a"]


@pytest.mark.parametrize("content", ["", "[]", "{", '{"a": 3}', '{"a": [1, 2, 3]}', "\xff"])
def test_a_damaged_memory_is_no_memory(
    folder: Path, memory: Path, reads: list[str], content: str
) -> None:
    checksums(folder, ["a"], "looking")
    (path,) = memory.iterdir()
    path.write_bytes(content.encode("latin1"))
    assert checksums(folder, ["a"], "looking") == [digest("a")]
    assert reads == ["a", "a"]


def test_a_memory_that_cannot_be_written_does_no_harm(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "a"))
    for _ in range(2):
        assert checksums(folder, ["a"], "looking") == [digest("a")]


def test_a_missing_file_is_named(folder: Path, memory: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        checksums(folder, ["a", "d"], "looking")
    assert caught.value.filename == str(folder / "d")
