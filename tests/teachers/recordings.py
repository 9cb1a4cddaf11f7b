"""What the official code was recorded to do: `parity/FAMILY.npz` holds random weights under their
official names, patches, and the tokens that the official code made of them. `source` in each names
the repository and commit.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from foundry_bench.teachers.teacher import ViTTeacher
from tests.teachers.families import small

FOLDER = Path(__file__).with_name("parity")
SIZES: dict[str, dict[str, object]] = {
    "point_bert": {"tokenizer_width": 20},
    "pcp_mae": {"position_hidden": 24},
}
STATE = "state/"


def recorded(family: str) -> dict[str, Tensor]:
    """The arrays of a family's file; those of the state dict are called `state/NAME`."""
    with np.load(FOLDER / f"{family}.npz", allow_pickle=False) as file:
        return {name: torch.from_numpy(file[name]) for name in file.files if name != "source"}


def published(family: str) -> dict[str, Tensor]:
    """The official state dict, as in a file of pre-training."""
    arrays = recorded(family)
    return {
        name.removeprefix(STATE): value for name, value in arrays.items() if name.startswith(STATE)
    }


def recorded_teacher(family: str, **changes: object) -> ViTTeacher:
    """A teacher of the size of the recording, with other weights."""
    return small(family, **{"tokenizer": (16, 32, 64)} | SIZES.get(family, {}) | changes)
