"""What a figure's file gives the report."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from foundry_bench.report.sweep_results import SweepResults


@dataclass(frozen=True)
class Plot:
    """One figure of a sweep's section.

    Attributes:
        name: base of its files, `figures/<name>.png`, `.svg` and `.csv`.
        title: a heading of at most eight words.
        caption: one or two sentences: axes, what bars and points are, n.
        data: what is drawn, as a tidy frame; written as CSV.
        draw: makes the figure; called at most once, possibly in another process.
    """

    name: str
    title: str
    caption: str
    data: pd.DataFrame
    draw: Callable[[], Figure]


PlotFunction = Callable[[SweepResults], Iterable[Plot]]
"""A registered figure: the plots that apply to a sweep, possibly none."""
