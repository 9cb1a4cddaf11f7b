"""Where verbs print."""

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

WIDTH_IN_FILES = 160
"""Columns where the output is no terminal: rich would cut tables at 80."""


def stdout() -> "Console":
    """Standard output, as wide as the terminal, or wide enough for tables in files and pipes; names
    are shown as they are, brackets included.
    """
    from rich.console import Console

    width = None if sys.stdout.isatty() else WIDTH_IN_FILES
    return Console(markup=False, highlight=False, width=width)


def epilog(examples: str) -> str:
    """`examples`, a command a line, as the end of a help."""
    lines = "\n".join(f"  {line}" for line in examples.strip().splitlines())
    return f"\b\nExamples:\n{lines}"


def columns(rows: Iterable[Sequence[str]]) -> str:
    """A line for each of `rows`, indented; each column but the last is as wide as its widest."""
    lines = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(f"  {'  '.join(map(str.ljust, line, widths))}".rstrip() for line in lines)
