"""Who uses a store."""

import json
import shutil
from pathlib import Path

import pytest

from foundry_bench.errors import FoundryError
from foundry_bench.sweep.folder import Folder
from foundry_bench.sweep.references import Reference, add, references, register


def only(store: Path) -> Reference:
    (found,) = references(store)
    return found


def test_a_folder_wants_what_it_said_last_and_all_that_it_has_records_of(tmp_path: Path) -> None:
    store, out = tmp_path / "store", tmp_path / "runs" / "out"
    (out / "stages" / "used").mkdir(parents=True)
    register(store, out, ["once"])
    register(store, out, ["a", "b", "a"])
    add(store, out, ["c"])
    found = only(store)
    assert found.folder == out
    assert found.keys == {"a", "b", "c", "used"}
    assert (found.state, found.counts) == ("at rest", True)


def test_adding_registers_a_folder_that_is_not(tmp_path: Path) -> None:
    out = tmp_path / "runs" / "out"
    (out / "trials").mkdir(parents=True)
    add(tmp_path / "store", out, ["a"])
    assert only(tmp_path / "store").keys == {"a"}


@pytest.mark.parametrize("text", ["", "{", "[]\nkey\n"])
def test_an_entry_that_was_cut_short_is_named(tmp_path: Path, text: str) -> None:
    register(tmp_path / "store", tmp_path, ["a"])
    (entry,) = (tmp_path / "store" / "sweeps").iterdir()
    entry.write_text(text)
    with pytest.raises(FoundryError, match=entry.name):
        references(tmp_path / "store")


def test_a_folder_that_is_gone_does_not_count(tmp_path: Path) -> None:
    out = tmp_path / "runs" / "out"
    out.mkdir(parents=True)
    register(tmp_path / "store", out, ["a"])
    with Folder(out).hold():
        assert only(tmp_path / "store").state == "at work"
    shutil.rmtree(out)
    assert only(tmp_path / "store").state == "gone"
    assert not only(tmp_path / "store").counts


def test_a_folder_of_another_machine_counts_though_it_is_not_seen(tmp_path: Path) -> None:
    register(tmp_path / "store", tmp_path / "runs" / "out", ["a"])
    (entry,) = (tmp_path / "store" / "sweeps").iterdir()
    place = json.loads(entry.read_text().splitlines()[0])
    entry.write_text(json.dumps({**place, "host": "another"}) + "\na\n")
    assert only(tmp_path / "store").state == "elsewhere"
    assert only(tmp_path / "store").counts


def test_the_folder_around_a_store_and_those_that_are_named_use_it(tmp_path: Path) -> None:
    (tmp_path / "trials").mkdir()
    (tmp_path / "stages" / "mine").mkdir(parents=True)
    other = tmp_path / "elsewhere"
    (other / "stages" / "theirs").mkdir(parents=True)
    found = {each.folder: each.keys for each in references(tmp_path / "store", [other])}
    assert found == {tmp_path: {"mine"}, other: {"theirs"}}


def test_a_store_that_cannot_be_written_can_be_used_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file is no folder")
    register(tmp_path / "store", tmp_path / "out", ["a"])
    add(tmp_path / "store", tmp_path / "out", ["a"])
