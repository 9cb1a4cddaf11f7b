"""A table as text: CSV, Markdown, LaTeX."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

from foundry_bench.report.statistics.intervals import Interval
from foundry_bench.report.study.measures import DAGGER
from foundry_bench.report.wording import MINUS
from foundry_bench.results.frame import shorten

Line = dict[str, object]

MIDDLE_DOT = "\N{MIDDLE DOT}"


_TEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    MINUS: "$-$",
    "²": "$^2$",
    "<": "$<$",
    ">": "$>$",
    DAGGER: r"$^\dagger$",
    MIDDLE_DOT: r"$\cdot$",
}


@dataclass(frozen=True)
class Cell:
    """What a table shows, and what it is sorted by."""

    text: str
    value: float | str


@dataclass(frozen=True)
class Table:
    """A table as text.

    Attributes:
        caption: what the numbers are.
        num_labels: leading columns that are words.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str
    num_labels: int = 2

    @property
    def has_roles(self) -> bool:
        """Whether the second column is a role."""
        return self.header[1:2] == ("role",)


def csv_text(lines: Sequence[Line]) -> str:
    """CSV with a column for every key, in order of appearance; NaN and missing values are empty.

    Numbers have at most 10 significant digits.
    """
    columns = list(dict.fromkeys(key for line in lines for key in line))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _csv_cell(value) for key, value in line.items()} for line in lines)
    return stream.getvalue()


def markdown_text(table: Table) -> str:
    """The table as GitHub Markdown."""
    align = [":--" if index < table.num_labels else "--:" for index in range(len(table.header))]
    lines = [table.header, align, *([cell.text for cell in row] for row in table.rows)]
    body = "\n".join(
        "| " + " | ".join(text.replace("|", "\\|") for text in line) + " |" for line in lines
    )
    return f"{body}\n\n{table.caption}\n"


def latex_text(table: Table) -> str:
    """The table for LaTeX; needs `booktabs`."""
    align = "l" * table.num_labels + "r" * (len(table.header) - table.num_labels)
    body = [" & ".join(_tex(cell.text) for cell in row) + r" \\" for row in table.rows]
    lines = [
        f"% {table.caption}",
        rf"\begin{{tabular}}{{{align}}}",
        r"\toprule",
        " & ".join(_tex(text) for text in table.header) + r" \\",
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def _csv_cell(value: object) -> object:
    if not isinstance(value, float):
        return value
    return "" if math.isnan(value) else shorten(value)


def _tex(text: str) -> str:
    return "".join(_TEX.get(letter, letter) for letter in text)


def spread_line(name: str, interval: Interval) -> Line:
    """A mean and its bounds as columns."""
    return {name: interval.mean, f"{name}_low": interval.low, f"{name}_high": interval.high}


def counted_line(name: str, interval: Interval) -> Line:
    """The same after the number of seeds."""
    return {"n": interval.n, **spread_line(name, interval)}
