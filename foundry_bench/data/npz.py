"""Columns of an .npz file of any origin: nothing in it is executed, what is wrong is told."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foundry_bench.errors import FoundryError
from foundry_bench.registry import unknown

Array = NDArray[Any]
_UNREADABLE = (OSError, ValueError, EOFError, KeyError, MemoryError, zipfile.BadZipFile, zlib.error)


class Columns:
    """The arrays of one file, by key; each is read when asked for."""

    def __init__(self, path: Path, arrays: "np.lib.npyio.NpzFile") -> None:
        """`arrays` is the open file `path`."""
        self.path = path
        self._arrays = arrays

    @property
    def keys(self) -> list[str]:
        """The names of all arrays."""
        return list(self._arrays.files)

    def __contains__(self, key: str) -> bool:
        """Whether there is an array `key`."""
        return key in self._arrays.files

    def __getitem__(self, key: str) -> Array:
        """The array under `key`.

        Raises:
            FoundryError: if there is none (with the nearest key and all there are), if it is a
                pickle (which is not loaded), or if its bytes are damaged.
        """
        if key not in self:
            hint = unknown("key", key, self.keys)
            raise FoundryError(f"{self.path}: {hint} (it has {', '.join(self.keys)})")
        try:
            array: Array = self._arrays[key]
        except _UNREADABLE as error:
            raise FoundryError(f"{self.path}: {_reason(key, error)}") from error
        return array

    def shape(self, key: str) -> tuple[int, ...] | None:
        """The shape of the array under `key`, from its header alone; None if it tells none."""
        assert self._arrays.zip is not None
        try:
            with self._arrays.zip.open(f"{key}.npy") as file:
                header = (
                    np.lib.format.read_array_header_1_0
                    if np.lib.format.read_magic(file) == (1, 0)
                    else np.lib.format.read_array_header_2_0
                )
                return header(file)[0]
        except _UNREADABLE:
            return None


@contextmanager
def open_npz(path: Path) -> Iterator[Columns]:
    """The columns of the file `path`, open inside the block.

    Raises:
        FoundryError: if it is missing, no .npz, or cut short.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise FoundryError(f"{path} {what}; expected an .npz file")
    with path.open("rb") as file:
        if not zipfile.is_zipfile(file):
            raise FoundryError(f"{path} is no .npz file, or one that is cut short")
        try:
            arrays = np.load(file, allow_pickle=False)
        except _UNREADABLE as error:
            raise FoundryError(f"{path} cannot be read as .npz: {error}") from error
        with arrays:
            yield Columns(path, arrays)


def _reason(key: str, error: Exception) -> str:
    if "allow_pickle" in str(error):
        return (
            f"'{key}' is a Python pickle, which could run any code and is not loaded; "
            "save it again as an array of numbers or text"
        )
    return f"'{key}' is damaged: {error}"
