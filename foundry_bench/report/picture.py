"""A figure with the words under it, before it is drawn."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from foundry_bench.report.figure_data import AnchorLine, Line
from foundry_bench.report.wording import DETERMINISTIC

INTERVALS = "Bars and bands are 95 % Student-t intervals over seeds (from three seeds on)"


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


def anchor_words(anchors: Sequence[AnchorLine]) -> str:
    """Which lines with bands a figure has; empty if it has none."""
    names = [
        f"{line.label} ({DETERMINISTIC}, no band)" if line.interval.is_constant else line.label
        for line in anchors
    ]
    mark = "; " if any("," in line.label for line in anchors) else ", "
    return f" Lines with bands: {mark.join(names)}." if names else ""
