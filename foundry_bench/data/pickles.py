"""Pickles of numbers and arrays, read without running what is in them.

A pickle is a program: it may name any function of any module and call it. Here it may name only
what numpy's arrays, their types and their scalars are written with, and none of these names leads
to numpy: each leads to a function of this module that looks at its arguments. So a hostile file can
neither call a library nor hand crafted bytes to its C code. It is read by the standard library's
reader in Python, since the one in C reserves whatever memory four damaged bytes ask for.
"""

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foundry_bench.errors import FoundryError

KINDS = "biufcSU"
"""Kinds of arrays that are admitted: numbers and text, no objects, records or nested arrays."""


def read_pickle(path: Path) -> Any:
    """Lists, tuples, dicts, sets, numbers, text, bytes and numpy arrays from `path`, of protocol 2
    to 5, written by Python 2 or 3 and any numpy. Text of Python 2 is read as latin-1.

    Raises:
        FoundryError: if the file is missing, cut short, or names anything else.
    """
    if not path.is_file():
        raise FoundryError(f"{path} does not exist; expected a pickle")
    with path.open("rb") as file:
        try:
            return _finished(_Unpickler(file, encoding="latin1").load(), {})
        except _NotAdmittedError as error:
            raise FoundryError(
                f"{path}: the pickle names {error}, which no array of numbers needs and which "
                "could run any code; nothing of it was run, and the file is not read"
            ) from error
        except Exception as error:  # damaged bytes can raise whatever the operations raise
            raise FoundryError(
                f"{path} cannot be read as a pickle of numbers and arrays; it is damaged or cut "
                f"short ({type(error).__name__}: {error})"
            ) from error


class _NotAdmittedError(Exception):
    """A name that is not in the table; the message is the name."""


class _Unpickler(pickle._Unpickler):  # the one in Python
    def find_class(self, module: str, name: str) -> "_Call":
        """A new object each time: a pickle can write to what it is given."""
        place = module.replace("numpy._core", "numpy.core").replace("__builtin__", "builtins")
        if (place, name) not in ADMITTED:
            raise _NotAdmittedError(f"{module}.{name}")
        return _Call(ADMITTED[place, name])

    def persistent_load(self, pid: object) -> Any:
        """Nothing outside of the file."""
        raise _NotAdmittedError("an object outside of the file (persistent id)")


@dataclass(frozen=True, slots=True)
class _Call:
    function: Callable[..., Any]

    def __call__(self, *arguments: Any) -> Any:
        return self.function(*arguments)


class _Kind:
    """Stands for a numpy dtype while it is built up."""

    __slots__ = ("_order", "_text")

    def __init__(self, text: str, *_: object) -> None:
        self._text, self._order = _text(text), "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order, subtype, names, fields = state[1:5]
        if (subtype, names, fields) != (None, None, None) or order not in tuple("<>=|"):
            raise ValueError("an array of records or of a nested type")
        self._order = order

    def made(self) -> np.dtype[Any]:
        made = np.dtype(self._text)
        if made.kind not in KINDS:
            raise ValueError(f"an array of {made}; expected numbers or text")
        return made if self._order == "|" else np.dtype(self._order + made.str[1:])


class _Array:
    """Stands for a numpy array until the file is read to its end."""

    __slots__ = ("_made", "_state")

    def __init__(self, *_: object) -> None:
        self._state: tuple[Any, ...] | None = None
        self._made: NDArray[Any] | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._state = state

    def made(self) -> NDArray[Any]:
        if self._made is None:
            if self._state is None:
                raise ValueError("an array without content")
            _, shape, kind, is_fortran, content = self._state
            self._made = _from_buffer(content, kind, shape, "F" if is_fortran else "C")
            self._state = None  # text of Python 2 is a second copy
        return self._made


def _from_buffer(
    content: object, kind: _Kind, shape: object, order: str, axes: object = None
) -> NDArray[Any]:
    if isinstance(content, str):  # of Python 2
        content = content.encode("latin1")
    if not isinstance(content, bytes | bytearray) or not isinstance(kind, _Kind):
        raise ValueError("an array whose content is no bytes")
    if not isinstance(shape, tuple) or not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError(f"an array of shape {shape}")
    flat = np.frombuffer(content, kind.made())
    if order == "K" and isinstance(axes, tuple):
        return flat.reshape(shape).transpose(axes)
    return flat.reshape(shape, order="F" if order == "F" else "C")


def _scalar(kind: _Kind, content: object) -> Any:
    return _from_buffer(content, kind, (1,), "C")[0]


def _encoded(text: str, encoding: str) -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise ValueError(f"bytes written as {encoding}")
    return _text(text).encode("latin1")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"text was expected, not {type(value).__name__}")
    return value


def _no_call(*_: object) -> None:
    raise ValueError("an array made by a call")


def _empty_bytes() -> bytes:
    return b""


ADMITTED: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): _no_call,  # only ever an argument of _reconstruct
    ("numpy", "dtype"): _Kind,
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy.core.numeric", "_frombuffer"): _from_buffer,
    ("_codecs", "encode"): _encoded,  # bytes, in protocol 2
    ("builtins", "bytes"): _empty_bytes,  # likewise
    ("builtins", "set"): set,
    ("builtins", "frozenset"): frozenset,
}
"""What is called in place of each name; `numpy._core` counts as `numpy.core`."""


def numpy_scalars() -> tuple[tuple[Callable[..., Any], str], ...]:
    """For `torch.serialization.safe_globals`: what makes NumPy scalars, by the names in pickles.

    Stand-ins as in `ADMITTED`: NumPy's own read crafted states in C.
    """
    return (
        (_Kind, "numpy.dtype"),
        (_scalar, "numpy.core.multiarray.scalar"),
        (_scalar, "numpy._core.multiarray.scalar"),
    )


def _finished(value: Any, done: dict[int, tuple[Any, Any]]) -> Any:
    """`value` with its arrays in place.

    What occurs often is finished once: `done` holds each container with what became of it, by its
    id.
    """
    if isinstance(value, _Array):
        return value.made()
    if isinstance(value, _Kind | _Call):
        raise ValueError("a type or a function where a value was expected")
    if not isinstance(value, list | tuple | dict):
        return value
    if id(value) in done:
        return done[id(value)][1]
    if isinstance(value, tuple):
        done[id(value)] = value, tuple(_finished(item, done) for item in value)
        return done[id(value)][1]
    done[id(value)] = value, value
    for place, item in list(enumerate(value) if isinstance(value, list) else value.items()):
        value[place] = _finished(item, done)
    return value
