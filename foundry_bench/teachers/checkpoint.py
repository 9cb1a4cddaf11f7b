"""State dicts as people publish them, read without running what is in them."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from foundry_bench.errors import FoundryError

NESTED = ("state_dict", "base_model", "model")
"""Where trainers keep the state dict inside a checkpoint."""


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file or of a torch checkpoint that holds nothing but data.

    Raises:
        FoundryError: if the file is damaged, or is a pickle that would have to run code to load.
    """
    if not path.is_file():
        raise FoundryError(f"there is no file {path}")
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            raise FoundryError(f"{path} is not a readable safetensors file: {error}") from error
    return _tensors(_load(path, weights_only=True), path)


def read_trusted(path: Path) -> dict[str, Tensor]:
    """The tensors of any torch checkpoint; loading it runs whatever its author put in it.

    Raises:
        FoundryError: if the file is damaged or holds no state dict.
    """
    if not path.is_file():
        raise FoundryError(f"there is no file {path}")
    return _tensors(_load(path, weights_only=False), path)


def _load(path: Path, *, weights_only: bool) -> object:
    try:
        return torch.load(path, map_location="cpu", weights_only=weights_only)
    except pickle.UnpicklingError as error:
        raise FoundryError(
            f"{path} holds more than tensors and plain data, so it is not loaded. "
            f"If you trust who made it: foundry-bench teacher convert --trust {path}"
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError) as error:
        raise FoundryError(f"{path} is not a readable checkpoint: {error}") from error


def _tensors(content: Any, path: Path) -> dict[str, Tensor]:
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
    return tensors
