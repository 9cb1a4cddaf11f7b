"""State dicts are read without running what is in them."""

import shlex
from argparse import Namespace
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from foundry_bench.errors import FoundryError
from foundry_bench.teachers.checkpoint import read_checkpoint, read_trusted


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
    state = read_checkpoint(tmp_path / "model.pt").state
    assert list(state) == ["layer.weight"]
    assert torch.equal(state["layer.weight"], torch.ones(2, 3))


def test_safetensors_are_read(tmp_path: Path) -> None:
    save_file({"a": torch.arange(3)}, tmp_path / "a.safetensors")
    assert read_checkpoint(tmp_path / "a.safetensors").state["a"].tolist() == [0, 1, 2]


def test_a_pickle_with_code_is_refused_and_nothing_runs(tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    torch.save(
        {"state_dict": {"a": torch.ones(1)}, "extra": _Planted(witness)}, tmp_path / "bad.pt"
    )
    with pytest.raises(FoundryError, match="convert --trust"):
        read_checkpoint(tmp_path / "bad.pt")
    assert not witness.exists()


def test_trust_reads_what_plain_reading_refuses(tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    torch.save(
        {"state_dict": {"a": torch.ones(1)}, "extra": _Planted(witness)}, tmp_path / "bad.pt"
    )
    assert list(read_trusted(tmp_path / "bad.pt").state) == ["a"]
    assert witness.exists()


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_truncated_file_is_one_clear_error(tmp_path: Path, suffix: str) -> None:
    whole = tmp_path / f"whole{suffix}"
    state = {"a": torch.ones(1000)}
    save_file(state, whole) if suffix == ".safetensors" else torch.save(state, whole)
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(whole.read_bytes()[:500])
    with pytest.raises(FoundryError, match=r"cut.* is not a readable"):
        read_checkpoint(cut)


def whole(folder: Path, form: str) -> bytes:
    """A checkpoint with a few names for damage to hit."""
    state = OrderedDict(a=torch.ones(30), b=torch.nn.Parameter(torch.ones(3, 2)))
    path = folder / f"whole.{form}"
    if form == "safetensors":
        save_file({name: value.detach() for name, value in state.items()}, path, {"made": "here"})
    else:
        torch.save(state, path, _use_new_zipfile_serialization=form == "zip")
    assert read_checkpoint(path).state["a"].sum() == 30
    return path.read_bytes()


FORMS = ["zip", "pickle", "safetensors"]


@pytest.mark.parametrize("form", FORMS)
def test_a_file_cut_anywhere_is_damaged_and_not_taken_for_code(tmp_path: Path, form: str) -> None:
    content, cut = whole(tmp_path, form), tmp_path / f"cut.{form}"
    for length in range(len(content)):
        cut.write_bytes(content[:length])
        with pytest.raises(FoundryError, match=r"cut\.\w+ is not a readable") as caught:
            read_checkpoint(cut)
        assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("form", FORMS)
def test_a_file_with_a_wrong_byte_anywhere_is_read_or_refused(tmp_path: Path, form: str) -> None:
    content, wrong = whole(tmp_path, form), tmp_path / f"wrong.{form}"
    messages = []
    for place, byte in enumerate(content):
        wrong.write_bytes(content[:place] + bytes([byte ^ 0x15]) + content[place + 1 :])
        try:
            read_checkpoint(wrong)
        except FoundryError as error:
            messages.append(str(error))
    assert len(messages) > len(content) / 4
    if form != "pickle":  # which has no checksums: a name with a wrong letter is another name
        assert [message for message in messages if "--trust" in message] == []


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("form", ["zip", "pickle"])
@pytest.mark.parametrize(
    ("protocol", "content", "what"),
    [(2, Namespace(a=1), " (argparse.Namespace)"), (4, {"a": torch.ones(1)}, "")],
)
def test_what_is_whole_and_more_than_data_may_be_trusted(
    tmp_path: Path, form: str, protocol: int, content: object, what: str
) -> None:
    path = tmp_path / "it's mine.pt"
    zipped = form == "zip"
    torch.save(content, path, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    with pytest.raises(FoundryError) as caught:
        read_checkpoint(path)
    message, _, advised = str(caught.value).partition("convert --trust ")
    assert f"holds more than tensors and plain data{what}, so" in message
    assert shlex.split(advised) == [str(path)]


@pytest.mark.parametrize(
    "strange",
    [torch.eye(3).to_sparse(), torch.eye(3, device="meta")],
    ids=["sparse", "without data"],
)
def test_tensors_that_are_not_dense_are_refused(tmp_path: Path, strange: torch.Tensor) -> None:
    torch.save({"a": torch.ones(1), "b": strange}, tmp_path / "strange.pt")
    with pytest.raises(FoundryError, match=r"holds 1 tensors that .*, the first: b; expected den"):
        read_checkpoint(tmp_path / "strange.pt")


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html><html>", b"version https://git-lfs"])
def test_what_is_no_checkpoint_at_all_says_how_it_begins(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "page.pth").write_bytes(content)
    with pytest.raises(FoundryError, match=r"page\.pth is not a readable checkpoint: it begins"):
        read_checkpoint(tmp_path / "page.pth")


def test_hyper_parameters_come_with_the_tensors(tmp_path: Path) -> None:
    content = {"state_dict": {"a": torch.ones(1)}, "hyper_parameters": {"encoder_heads": 6}}
    torch.save(content, tmp_path / "lightning.ckpt")
    assert read_checkpoint(tmp_path / "lightning.ckpt").settings == {"encoder_heads": 6}


def test_metadata_come_with_the_tensors(tmp_path: Path) -> None:
    save_file({"a": torch.ones(1)}, tmp_path / "a.safetensors", metadata={"made": "here"})
    checkpoint = read_checkpoint(tmp_path / "a.safetensors")
    assert checkpoint.metadata == {"made": "here"}
    assert checkpoint.settings == {}


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 3}])
def test_a_file_without_tensors_says_what_was_expected(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "none.pt")
    with pytest.raises(FoundryError, match="expected a state dict"):
        read_checkpoint(tmp_path / "none.pt")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FoundryError, match=r"there is no file .*gone\.pt"):
        read_checkpoint(tmp_path / "gone.pt")


@pytest.mark.parametrize("scalar", [np.float64(0.5), np.float32(0.5), np.int64(3), np.bool_(True)])
def test_numpy_scalars_beside_the_weights_are_plain_data(
    tmp_path: Path, scalar: np.generic
) -> None:
    content = {"base_model": {"a": torch.ones(1)}, "best_metrics": {"acc": scalar}}
    torch.save(content, tmp_path / "bert.pth")
    assert list(read_checkpoint(tmp_path / "bert.pth").state) == ["a"]


def no_weight(kind: str) -> torch.Tensor:
    """A tensor that no weight can be."""
    if kind == "nested":
        return torch.nested.nested_tensor([torch.ones(1), torch.ones(2)])
    if kind == "quantised":
        return torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)
    return torch.ones(2, dtype=torch.complex128)


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated", "ignore:.*quantize_per_tensor")
@pytest.mark.parametrize("kind", ["complex", "quantised", "nested"])
def test_tensors_that_are_no_weights_are_left_out(tmp_path: Path, kind: str) -> None:
    torch.save({"w": torch.ones(2), "c": no_weight(kind)}, tmp_path / "mixed.pth")
    checkpoint = read_checkpoint(tmp_path / "mixed.pth")
    assert (list(checkpoint.state), checkpoint.left_out) == (["w"], {"c": kind})
    torch.save({"c": no_weight(kind)}, tmp_path / "none.pth")
    with pytest.raises(FoundryError, match=rf"all 1 are .* c \({kind}\)"):
        read_checkpoint(tmp_path / "none.pth")


def test_a_whole_module_is_refused_even_when_trusted(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2), tmp_path / "whole.pth")
    with pytest.raises(FoundryError, match="convert --trust"):
        read_checkpoint(tmp_path / "whole.pth")
    with pytest.raises(FoundryError, match=r"state_dict\(\)"):
        read_trusted(tmp_path / "whole.pth")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torchscript_is_read_with_trust_alone(tmp_path: Path) -> None:
    module = nn.Linear(2, 2)
    torch.jit.save(torch.jit.script(module), tmp_path / "script.pt")
    with pytest.raises(FoundryError, match="TorchScript"):
        read_checkpoint(tmp_path / "script.pt")
    state = read_trusted(tmp_path / "script.pt").state
    assert torch.equal(state["weight"], module.weight)
