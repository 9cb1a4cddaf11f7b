"""Where verbs print."""

import sys

from rich.console import Console

WIDTH_IN_FILES = 160
"""Columns where the output is no terminal: rich would cut tables at 80."""


def stdout() -> Console:
    """Standard output, as wide as the terminal, or wide enough for tables in files and pipes; names
    are shown as they are, brackets included.
    """
    width = None if sys.stdout.isatty() else WIDTH_IN_FILES
    return Console(markup=False, highlight=False, width=width)
