"""What the page says of one sweep, or of what models cost: a section, its figures and tables."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

from matplotlib.figure import Figure

from foundry_bench.report.analysis.reruns import Rerun
from foundry_bench.report.records.harvest import SweepInfo
from foundry_bench.report.records.provenance import Fact
from foundry_bench.report.table import Line, Table


@dataclass(frozen=True)
class Picture:
    """A figure before it is drawn.

    Attributes:
        name: of its files.
        alt: what it shows, for those who cannot see it.
        lines: the data shown, for the CSV beside it.
    """

    name: str
    title: str
    caption: str
    alt: str
    lines: tuple[Line, ...]
    draw: Callable[[], Figure]


class _Shown(Protocol):
    """What a figure shows."""

    def lines(self) -> list[Line]:
        """As numbers."""


D = TypeVar("D", bound=_Shown)


def picture(
    name: str, title: str, caption: str, alt: str, data: D, draw: Callable[[D], Figure]
) -> Picture:
    """The picture of `data`."""
    return Picture(name, title, caption, alt, tuple(data.lines()), partial(draw, data))


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


@dataclass(frozen=True)
class SweepReport:
    """All that is said of one sweep.

    Attributes:
        statements: what the numbers say, a sentence or two each.
        notes: warnings that a reader must see first.
        lines: the results table as numbers.
        extras: further tables.
        reruns: how each row of `table` is made again.
        commands: that make it again, where no sweep was run.
    """

    name: str
    info: SweepInfo
    statements: tuple[str, ...]
    notes: tuple[str, ...]
    pictures: tuple[Picture, ...]
    table: Table
    lines: tuple[Line, ...]
    extras: tuple[Extra, ...]
    environment: tuple[Fact, ...]
    reruns: tuple[Rerun, ...] = ()
    commands: tuple[str, ...] = ()
