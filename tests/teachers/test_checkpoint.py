"""State dicts are read without running what is in them."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from foundry_bench.errors import FoundryError
from foundry_bench.teachers.checkpoint import read_checkpoint, read_state, read_trusted


class _Planted:
    """A pickle that writes a file when it is loaded."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.witness,)


@pytest.mark.parametrize("nesting", [(), ("state_dict",), ("base_model",), ("model",)])
def test_the_state_dict_is_found_where_trainers_keep_it(
    tmp_path: Path, nesting: tuple[str, ...]
) -> None:
    content: object = {"layer.weight": torch.ones(2, 3)}
    for name in nesting:
        content = {"epoch": 3, name: content}
    torch.save(content, tmp_path / "model.pt")
    state = read_state(tmp_path / "model.pt")
    assert list(state) == ["layer.weight"]
    assert torch.equal(state["layer.weight"], torch.ones(2, 3))


def test_safetensors_are_read(tmp_path: Path) -> None:
    save_file({"a": torch.arange(3)}, tmp_path / "a.safetensors")
    assert read_state(tmp_path / "a.safetensors")["a"].tolist() == [0, 1, 2]


def test_a_pickle_with_code_is_refused_and_nothing_runs(tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    torch.save(
        {"state_dict": {"a": torch.ones(1)}, "extra": _Planted(witness)}, tmp_path / "bad.pt"
    )
    with pytest.raises(FoundryError, match="convert --trust"):
        read_state(tmp_path / "bad.pt")
    assert not witness.exists()


def test_trust_reads_what_plain_reading_refuses(tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    torch.save(
        {"state_dict": {"a": torch.ones(1)}, "extra": _Planted(witness)}, tmp_path / "bad.pt"
    )
    assert list(read_trusted(tmp_path / "bad.pt")) == ["a"]
    assert witness.exists()


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_truncated_file_is_one_clear_error(tmp_path: Path, suffix: str) -> None:
    whole = tmp_path / f"whole{suffix}"
    state = {"a": torch.ones(1000)}
    save_file(state, whole) if suffix == ".safetensors" else torch.save(state, whole)
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(whole.read_bytes()[:500])
    with pytest.raises(FoundryError, match=r"cut.* is not a readable"):
        read_state(cut)


@pytest.mark.parametrize("length", [1, 20, 500, 2000, -1])
def test_a_truncated_file_of_the_old_format_is_not_taken_for_code(
    tmp_path: Path, length: int
) -> None:
    whole, cut = tmp_path / "whole.pt", tmp_path / "cut.pt"
    torch.save({"a": torch.ones(1000)}, whole, _use_new_zipfile_serialization=False)
    assert read_state(whole)["a"].sum() == 1000
    cut.write_bytes(whole.read_bytes()[:length])
    with pytest.raises(FoundryError, match=r"cut\.pt is not a readable checkpoint"):
        read_state(cut)


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html><html>", b"version https://git-lfs"])
def test_what_is_no_checkpoint_at_all_says_how_it_begins(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "page.pth").write_bytes(content)
    with pytest.raises(FoundryError, match=r"page\.pth is not a readable checkpoint: it begins"):
        read_state(tmp_path / "page.pth")


def test_hyper_parameters_come_with_the_tensors(tmp_path: Path) -> None:
    content = {"state_dict": {"a": torch.ones(1)}, "hyper_parameters": {"encoder_heads": 6}}
    torch.save(content, tmp_path / "lightning.ckpt")
    assert read_checkpoint(tmp_path / "lightning.ckpt").settings == {"encoder_heads": 6}


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 3}])
def test_a_file_without_tensors_says_what_was_expected(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "none.pt")
    with pytest.raises(FoundryError, match="expected a state dict"):
        read_state(tmp_path / "none.pt")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FoundryError, match=r"there is no file .*gone\.pt"):
        read_state(tmp_path / "gone.pt")
