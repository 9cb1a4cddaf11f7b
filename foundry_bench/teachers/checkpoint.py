"""State dicts as people publish them, read without running what is in them."""

import pickletools
import re
import shlex
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from foundry_bench.data.pickles import numpy_scalars
from foundry_bench.errors import FoundryError

NESTED = ("state_dict", "base_model", "model")
"""Where trainers keep the state dict inside a checkpoint."""
ARCHIVE, PICKLE = b"PK\x03\x04", b"\x80"
"""First bytes of the two formats of torch: a zip archive, and bare pickles of before 1.6."""
NUM_PICKLES = 5
"""Of the older format: magic number, version, system, content, storages; raw bytes follow."""
REFUSED = re.compile(
    r"unsupported (?:global: )?global (?P<name>\S+)|unsupported operand 149\b", re.I
)
"""What torch says of a pickle with more than data in it, `name` being the class or function, and of
one by a protocol from 4 on, which begins with a frame (149).
"""


NUMPY = numpy_scalars()
"""Point-BERT's runner saves its metrics as NumPy scalars beside the weights."""


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds.

    Attributes:
        state: name -> tensor.
        settings: hyper-parameters that Lightning stored beside it.
        metadata: of a safetensors file.
        left_out: name -> kind of tensors that no weight here can be: complex, quantised, nested.
    """

    state: dict[str, Tensor]
    settings: Mapping[str, object] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)


def read_checkpoint(path: Path) -> Checkpoint:
    """A safetensors file, or a torch checkpoint that holds nothing but data.

    Raises:
        FoundryError: if the file is damaged, holds tensors that are not dense, or is a pickle that
            would have to run code to load.
    """
    _check_there(path)
    if path.suffix == ".safetensors":
        try:
            with safe_open(path, "pt") as file:
                state, left_out = _sorted_out(load_file(path))
                return Checkpoint(state, metadata=file.metadata() or {}, left_out=left_out)
        except Exception as error:  # as of torch.load below
            raise FoundryError(
                f"{path} is not a readable safetensors file (is it whole?): {_reason(error)}"
            ) from error
    return _checkpoint(_load(path, weights_only=True), path)


def read_trusted(path: Path) -> Checkpoint:
    """Any torch checkpoint; loading it runs whatever its author put in it.

    Raises:
        FoundryError: if the file is damaged, or holds no state dict of dense tensors.
    """
    _check_there(path)
    return _checkpoint(_load(path, weights_only=False), path)


def _check_there(path: Path) -> None:
    if not path.is_file():
        raise FoundryError(f"there is no file {path}")


def _load(path: Path, *, weights_only: bool) -> object:
    with path.open("rb") as file:
        start = file.read(16)
    if not start.startswith((ARCHIVE, PICKLE)):
        raise FoundryError(
            f"{path} is not a readable checkpoint: it begins with {start!r}, a file of torch with "
            f"{ARCHIVE!r} (is it what the download was meant to be?)"
        )
    if _is_scripted(path):
        if weights_only:
            raise FoundryError(
                f"{path} is a TorchScript file, whose loading can run its author's code. If you "
                f"trust who made it: foundry-bench teacher convert --trust {shlex.quote(str(path))}"
            )
        try:
            return torch.jit.load(path, map_location="cpu").state_dict()
        except Exception as error:  # as below
            raise FoundryError(
                f"{path} is not a readable TorchScript file (is it whole?): {_reason(error)}"
            ) from error
    try:
        with torch.serialization.safe_globals(list(NUMPY) if weights_only else []):
            return torch.load(path, map_location="cpu", weights_only=weights_only)
    except Exception as error:  # torch promises nothing of what it raises on damaged bytes
        refused = REFUSED.search(str(error))
        if weights_only and refused and _has_whole_pickles(path):
            what = f" ({refused['name']})" if refused["name"] else ""
            raise FoundryError(
                f"{path} holds more than tensors and plain data{what}, so it is not loaded. If you "
                f"trust who made it: foundry-bench teacher convert --trust {shlex.quote(str(path))}"
            ) from error
        raise FoundryError(
            f"{path} is not a readable checkpoint (is it whole?): {_reason(error)}"
        ) from error


def _is_scripted(path: Path) -> bool:
    """Whether a file is of `torch.jit.save`, by the names in its archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.partition("/")[2] for name in archive.namelist()]
    except (OSError, ValueError, zipfile.BadZipFile):
        return False
    return "constants.pkl" in names and any(name.startswith("code/") for name in names)


def _has_whole_pickles(path: Path) -> bool:
    """Whether the pickles of a torch checkpoint are intact, as far as can be told without running
    them: by the archive's checksums, or by reading each to its end.
    """
    try:
        with path.open("rb") as file:
            if file.read(len(ARCHIVE)) == ARCHIVE:
                with zipfile.ZipFile(file) as archive:
                    names = [name for name in archive.namelist() if name.endswith(".pkl")]
                    return all(archive.read(name) for name in names) and bool(names)
            file.seek(0)
            for _ in range(NUM_PICKLES):
                for _ in pickletools.genops(file):
                    pass
    except Exception:  # any says the same: it cannot be read
        return False
    return True


def _reason(error: Exception) -> str:
    """The line of torch's message that says what happened."""
    lines = str(error).rpartition("WeightsUnpickler error: ")[2].strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _checkpoint(content: Any, path: Path) -> Checkpoint:
    settings = content.get("hyper_parameters") if isinstance(content, Mapping) else None
    for name in NESTED:
        if isinstance(content, Mapping) and isinstance(content.get(name), Mapping):
            content = content[name]
    for name in NESTED:
        if isinstance(content, Mapping) and isinstance(content.get(name), nn.Module):
            content = content[name]
    if isinstance(content, nn.Module):
        raise FoundryError(
            f"{path} holds a whole module ({type(content).__name__}), expected a state dict: save "
            "`module.state_dict()` by torch.save and convert that"
        )
    if not isinstance(content, Mapping):
        raise FoundryError(f"{path} holds a {type(content).__name__}, expected a state dict")
    tensors, left_out = _sorted_out(
        {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    )
    if not tensors and left_out:
        name, kind = next(iter(left_out.items()))
        raise FoundryError(
            f"{path} holds no usable tensor: all {len(left_out)} are complex, quantised or nested, "
            f"the first: {name} ({kind}); expected dense real ones"
        )
    if not tensors:
        raise FoundryError(
            f"{path} holds no tensors; expected a state dict, possibly under {', '.join(NESTED)}"
        )
    strange = [
        name for name, value in tensors.items() if value.layout != torch.strided or value.is_meta
    ]
    if strange:
        raise FoundryError(
            f"{path} holds {len(strange)} tensors that are sparse or without data, the "
            f"first: {strange[0]}; expected dense ones (`to_dense()` makes them so)"
        )
    kept = settings if isinstance(settings, Mapping) else {}
    return Checkpoint(tensors, kept, left_out=left_out)


def _sorted_out(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors that can be weights, and the kind of each that cannot."""
    kinds = {name: kind for name, value in tensors.items() if (kind := _kind(value))}
    return {name: value for name, value in tensors.items() if name not in kinds}, kinds


def _kind(tensor: Tensor) -> str:
    if tensor.is_nested:
        return "nested"
    if tensor.is_quantized:
        return "quantised"
    return "complex" if tensor.is_complex() else ""
