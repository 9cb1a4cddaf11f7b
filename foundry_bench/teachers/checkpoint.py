"""State dicts as people publish them, read without running what is in them."""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from foundry_bench.errors import FoundryError

NESTED = ("state_dict", "base_model", "model")
"""Where trainers keep the state dict inside a checkpoint."""
STARTS = (b"PK", b"\x80")
"""First bytes of the two formats of torch: an archive, and a bare pickle of before 1.6."""
DAMAGES = (
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ImportError,
)
"""What torch raises on bytes that are not what they should be, or on classes that are not here."""


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds.

    Attributes:
        state: name -> tensor.
        settings: what is told beside it: hyper-parameters by Lightning, `teacher` (its registered
            name) by pre-training here.
    """

    state: dict[str, Tensor]
    settings: Mapping[str, object] = field(default_factory=dict)


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of `read_checkpoint`."""
    return read_checkpoint(path).state


def read_checkpoint(path: Path) -> Checkpoint:
    """A safetensors file, or a torch checkpoint that holds nothing but data.

    Raises:
        FoundryError: if the file is damaged, or is a pickle that would have to run code to load.
    """
    _check_there(path)
    if path.suffix == ".safetensors":
        try:
            with safe_open(path, "pt") as file:
                return Checkpoint(load_file(path), file.metadata() or {})
        except (SafetensorError, OSError) as error:
            raise FoundryError(f"{path} is not a readable safetensors file: {error}") from error
    return _checkpoint(_load(path, weights_only=True), path)


def read_trusted(path: Path) -> dict[str, Tensor]:
    """The tensors of any torch checkpoint; loading it runs whatever its author put in it.

    Raises:
        FoundryError: if the file is damaged or holds no state dict.
    """
    _check_there(path)
    return _checkpoint(_load(path, weights_only=False), path).state


def _check_there(path: Path) -> None:
    if not path.is_file():
        raise FoundryError(f"there is no file {path}")


def _load(path: Path, *, weights_only: bool) -> object:
    with path.open("rb") as file:
        start = file.read(16)
    if not start.startswith(STARTS):
        raise FoundryError(
            f"{path} is not a readable checkpoint: it begins with {start!r}, a file of torch with "
            "b'PK' (is it what the download was meant to be?)"
        )
    try:
        return torch.load(path, map_location="cpu", weights_only=weights_only)
    except pickle.UnpicklingError as error:
        if "truncated" in str(error) or "Ran out of input" in str(error):
            raise FoundryError(f"{path} is not a readable checkpoint: it is cut off") from error
        raise FoundryError(
            f"{path} holds more than tensors and plain data, so it is not loaded. "
            f"If you trust who made it: foundry-bench teacher convert --trust {path}"
        ) from error
    except DAMAGES as error:
        raise FoundryError(f"{path} is not a readable checkpoint: {error}") from error


def _checkpoint(content: Any, path: Path) -> Checkpoint:
    settings = content.get("hyper_parameters") if isinstance(content, Mapping) else None
    for name in NESTED:
        if isinstance(content, Mapping) and isinstance(content.get(name), Mapping):
            content = content[name]
    if not isinstance(content, Mapping):
        raise FoundryError(f"{path} holds a {type(content).__name__}, expected a state dict")
    tensors = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    if not tensors:
        raise FoundryError(
            f"{path} holds no tensors; expected a state dict, possibly under {', '.join(NESTED)}"
        )
    return Checkpoint(tensors, settings if isinstance(settings, Mapping) else {})
