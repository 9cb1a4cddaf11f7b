"""Lists and clouds in files of their own; every fault names its file and line or row."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foundry_bench.errors import FoundryError


def read_lines(path: Path) -> list[str]:
    """The lines of a list, without blanks around them; empty lines at the end are left out.

    Raises:
        FoundryError: if it is no text, is empty, has an empty line or a line twice.
    """
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").rstrip().split("\n")]
    except (OSError, UnicodeDecodeError) as error:
        raise FoundryError(f"{path} cannot be read as a list: {error}") from error
    first: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        if not line:
            raise FoundryError(f"{path}: line {number} is empty")
        if line in first:
            raise FoundryError(
                f"{path}: line {number} is '{line}', which line {first[line]} is already"
            )
        first[line] = number
    return lines


def read_table(path: Path, columns: int, delimiter: str | None = None) -> NDArray[np.float64]:
    """A row for each line of numbers; `delimiter` None is any blanks.

    Raises:
        FoundryError: for a file that is missing or empty, and for a line with another number of
            columns or with something else than numbers.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of files without a number
            table = np.loadtxt(path, delimiter=delimiter, ndmin=2)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise FoundryError(f"{path}: {error}; expected {columns} numbers a line") from error
    if not table.size:
        raise FoundryError(f"{path} is an empty cloud; expected {columns} numbers a line")
    if table.shape[1] != columns:
        raise FoundryError(f"{path} has {table.shape[1]} numbers a line; expected {columns}")
    return table


def read_array(path: Path) -> NDArray[Any]:
    """The array of an .npy file.

    Raises:
        FoundryError: if it is damaged, or holds a pickle, which is not loaded.
    """
    try:
        array: NDArray[Any] = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, EOFError, MemoryError) as error:
        raise FoundryError(f"{path} cannot be read as .npy: {error}") from error
    return array
