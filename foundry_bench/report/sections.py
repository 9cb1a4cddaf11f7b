"""What the report says of one sweep, or of what models cost: a section of its page."""

from dataclasses import dataclass

from foundry_bench.report.extra import Extra
from foundry_bench.report.figure_data import Line
from foundry_bench.report.harvest import SweepInfo
from foundry_bench.report.picture import Picture
from foundry_bench.report.provenance import Fact
from foundry_bench.report.reruns import Rerun
from foundry_bench.report.typeset import Table


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
