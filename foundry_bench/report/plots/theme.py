"""How every figure looks: one seaborn theme, colours and markers of series, PNG and SVG bytes."""

import io
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

WIDTH = 3.5
"""Inches: one column of a paper."""

DPI = 240
"""Pixels an inch of a report's PNG."""

MAX_SERIES = 8
"""Series that colours and markers can tell apart in one figure."""

INK, SOFT = "#22262b", "#6b727b"

_COLOURBLIND = sns.color_palette("colorblind").as_hex()

PALETTE = (*(_COLOURBLIND[index] for index in (0, 1, 2, 4, 3, 9, 5)), "#882255")
"""Colours of series, in order: seaborn's for colour-blind readers without grey, yellow and pink.

Baselines are grey, and the others are too light for a line on white. The last is Tol's wine.
"""

MARKERS = ("o", "^", "s", "D", "v", "P", "X", "*")
"""Markers of series, in order; all are filled, as seaborn requires."""

BASELINES: dict[str, tuple[str, str, Any]] = {
    "teacher": ("teacher", "#22262b", "-"),
    "not_distilled": ("not distilled", "#5c636b", (0, (5, 2))),
    "scratch": ("from scratch", "#848b93", (0, (1.2, 1.6))),
}
"""Variant of a baseline -> what figures call it, its grey, its line style."""

OTHER_BASELINE = ("#848b93", "-.")
"""Grey and line style of any other baseline."""

_RC: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # it comes with matplotlib: the same glyphs on every machine
    "font.size": 7.5,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 6.8,
    "legend.title_fontsize": 6.8,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.edgecolor": "#4a4f57",
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": "#4a4f57",
    "ytick.color": "#4a4f57",
    "grid.color": "#e6e8eb",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.4,
    "lines.markersize": 4.5,
    "lines.markeredgewidth": 0.5,
    "errorbar.capsize": 0,
    "text.parse_math": False,  # names of classes, files and settings may hold dollars
    "axes.formatter.use_mathtext": False,
    "svg.hashsalt": "foundry-bench",  # else ids in an SVG differ each time
    "svg.fonttype": "path",
    "path.simplify": False,
    "figure.dpi": 100,
}


@contextmanager
def theme() -> Iterator[None]:
    """The look of a report's figures, whatever the user's matplotlib settings; then those again."""
    with mpl.rc_context():
        mpl.rcdefaults()
        sns.set_theme(context="paper", style="whitegrid", palette=list(PALETTE), rc=_RC)
        yield


def new_figure(height: float, width: float = WIDTH) -> Figure:
    """An empty figure of so many inches, outside of pyplot's global state."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def thin_ticks(levels: Sequence[float], share: float, *, is_log: bool) -> list[float]:
    """`levels` that lie at least `share` of their whole range apart, from the smallest on."""
    ordered = sorted(set(levels))
    places = [math.log(level) if is_log else level for level in ordered]
    kept: list[int] = []
    for index, place in enumerate(places):
        if not kept or place - places[kept[-1]] >= share * (places[-1] - places[0]):
            kept.append(index)
    return [ordered[index] for index in kept]


def without_common(names: Sequence[str]) -> list[str]:
    """`names` without the first part, up to a comma, if all share it."""
    parts = [name.partition(", ") for name in names]
    if len({first for first, *_ in parts}) > 1:
        return list(names)
    return [rest or first for first, _, rest in parts]


def legend_columns(names: Sequence[str]) -> int:
    """Names of series that fit beside each other over or under a figure, four at most."""
    longest = max((len(name) for name in without_common(names)), default=0)
    return max(1, min(4, len(names), 62 // (longest + 5)))


def add_legend(
    figure: Figure,
    place: Literal["outside upper left", "outside lower left"],
    keys: Sequence[Artist],
    names: Sequence[str],
    columns: int | None = None,
) -> None:
    """A legend beside the axes, in as many columns as fit; a first word shared by all is left out.

    The words after it must tell the series apart.
    """
    figure.legend(
        handles=list(keys),
        labels=without_common(names),
        loc=place,
        ncols=columns or legend_columns(names),
        columnspacing=1.0,
        handletextpad=0.4,
        borderaxespad=0.0,
    )


def render(draw: Callable[[], Figure], dpi: float = DPI) -> tuple[bytes, bytes]:
    """PNG and SVG of what `draw` draws, in the theme; the same bytes each time.

    Args:
        draw: makes the figure, as `Plot.draw`.
        dpi: of the PNG.
    """
    with theme():
        figure = draw()
        png, svg = io.BytesIO(), io.BytesIO()
        figure.savefig(png, format="png", dpi=dpi, metadata={"Software": None})
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    return png.getvalue(), svg.getvalue()


@dataclass(frozen=True)
class SeriesStyles:
    """Colour and marker of each series, as seaborn's `palette=` and `markers=` take them."""

    palette: dict[str, str]
    markers: dict[str, str]

    @property
    def order(self) -> list[str]:
        """The series, as `hue_order=` and `style_order=`."""
        return list(self.palette)


def series_styles(frame: pd.DataFrame, shown: Sequence[str] | None = None) -> SeriesStyles:
    """Styles of the series of `frame`, the same in all figures of a sweep.

    Args:
        frame: the sweep's results frame; its first main series has the first colour.
        shown: the lines of a figure; by default all series but baselines. Where these are no
            series, or the sweep has more than `MAX_SERIES`, colours go by the place in `shown`.
    """
    students = frame[frame["role"] != "baseline"]
    ranked = students.iloc[(students["role"] != "main").argsort(kind="stable")]
    known = list(dict.fromkeys(ranked["series"]))
    wanted = known if shown is None else list(dict.fromkeys(shown))
    among = known if len(known) <= MAX_SERIES and set(wanted) <= set(known) else wanted
    places = {name: among.index(name) % MAX_SERIES for name in wanted}
    return SeriesStyles(
        palette={name: PALETTE[place] for name, place in places.items()},
        markers={name: MARKERS[place] for name, place in places.items()},
    )


def baseline_style(variant: str) -> tuple[str, Any]:
    """Grey and line style of a baseline."""
    return BASELINES[variant][1:] if variant in BASELINES else OTHER_BASELINE


def level_palette(levels: Sequence[float]) -> dict[float, str]:
    """A colour for each level of a setting, light to dark."""
    ordered = sorted(set(levels))
    colours = sns.color_palette("viridis_r", len(ordered) + 1).as_hex()[1:]
    return dict(zip(ordered, colours, strict=True))
