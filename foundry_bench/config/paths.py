"""Paths that users type: `~` and `${NAME}` mean the same in all of them."""

import os
import re
from pathlib import Path

from foundry_bench.errors import FoundryError

VARIABLE = re.compile(r"\$\{(\w+)\}")
_FIELD = re.compile(
    # the whole path `weights` is that of a teacher's settings; a last number is a place in an axis
    r"^weights$|(^|\.)(data\.(.+\.)?(path|root)|teacher\.(.+\.)?(weights|preset))(\.\d+)?$"
)


def is_path(dotted: str) -> bool:
    """Whether the field at the path `dotted` of a sweep, trial or preset holds a path."""
    return _FIELD.search(dotted) is not None


def unset_variables(text: str) -> list[str]:
    """Names of the environment variables in `text` that are not set."""
    return [name for name in VARIABLE.findall(text) if name not in os.environ]


def with_variables(text: str) -> str:
    """`text` with the values of its environment variables; unset ones stay."""
    return VARIABLE.sub(lambda match: os.environ.get(match[1], match[0]), text)


def user_path(given: str | Path) -> Path:
    """The path `given`, with `~` and `${NAME}` expanded.

    Raises:
        FoundryError: if a variable is not set, or there is no such user.
    """
    text = str(given)
    if missing := unset_variables(text):
        raise FoundryError(
            f"{text}: the environment variable {missing[0]} is not set: set it, or give the path "
            "itself"
        )
    try:
        return Path(with_variables(text)).expanduser()
    except RuntimeError as error:
        raise FoundryError(
            f"{text}: the home folder that `~` stands for is not known: give the path itself"
        ) from error
