"""A further table of a sweep, beside its results."""

from dataclasses import dataclass

from foundry_bench.report.figure_data import Line
from foundry_bench.report.typeset import Table


@dataclass(frozen=True)
class Extra:
    """Tables on one matter, with files of their own.

    Attributes:
        name: of the files.
        tables: each with its caption.
        lines: the same as numbers.
        is_folded: whether the page shows them on demand only.
    """

    name: str
    title: str
    tables: tuple[Table, ...]
    lines: tuple[Line, ...]
    is_folded: bool = False
