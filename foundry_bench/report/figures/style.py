"""How every figure looks: one matplotlib style, one column wide, safe for colour-blind readers."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.colors import to_hex

from foundry_bench.report.study.levels import Axis

WIDTH = 3.5
"""Inches: one column of a paper."""

STYLE: dict[str, Any] = {
    "figure.dpi": 100,
    "savefig.dpi": 240,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "axes.facecolor": "white",
    "font.family": "DejaVu Sans",
    "font.size": 7.5,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "legend.borderaxespad": 0.2,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.edgecolor": "#4a4f57",
    "axes.labelcolor": "#22262b",
    "text.color": "#22262b",
    "xtick.color": "#4a4f57",
    "ytick.color": "#4a4f57",
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "axes.grid": True,
    "grid.color": "#e6e8eb",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "lines.linewidth": 1.4,
    "lines.solid_capstyle": "round",
    "svg.hashsalt": "foundry-bench",
    "svg.fonttype": "path",
    "path.simplify": False,
    # names of classes, files and settings are text, also with dollars in them
    "text.parse_math": False,
}

INK, SOFT = "#22262b", "#6b727b"

MAIN = "#31688e"
"""The first main series, where colour does not stand for the number of SuperTokens."""

SERIES = (MAIN, "#cc79a7", "#e69f00", "#56b4e9", "#009e73", "#8c564b", "#882255", "#999933")
"""Further series, in order (Okabe and Ito's colours, then Tol's)."""

MARKERS = ("o", "^", "s", "D", "v", "P", "X", "*")
"""Of series, in order; the first is the main one's."""

BASELINE_STYLES: dict[str, tuple[str, Any]] = {
    "teacher": ("#22262b", "-"),
    "not_distilled": ("#d55e00", (0, (5, 2))),
    "scratch": ("#7d8590", (0, (1.2, 1.6))),
}

OTHER_BASELINE: tuple[str, Any] = ("#7d8590", "-.")

PAINT = (
    "#4477aa",
    "#ee6677",
    "#228833",
    "#ccbb44",
    "#66ccee",
    "#aa3377",
    "#ee8866",
    "#44bb99",
    "#8a6fc9",
    "#994455",
    "#e377c2",
    "#77aadd",
    "#997700",
    "#ffaabb",
    "#225555",
    "#c9a27e",
)
"""Colours of SuperTokens on clouds (after Tol's bright, light and medium-contrast sets)."""

UNPAINTED = "#c8ccd1"


def baseline_style(variant: str) -> tuple[str, Any]:
    """Colour and line style of a baseline, as matplotlib takes it."""
    return BASELINE_STYLES.get(variant, OTHER_BASELINE)


def level_colours(axis: Axis, levels: Sequence[float]) -> dict[float, str]:
    """A colour for each level: light to dark along `axis`."""
    places = axis.places(levels)
    low, high = min(places.values(), default=0.0), max(places.values(), default=0.0)
    span = (high - low) or 1.0
    cmap = mpl.colormaps["viridis"]
    return {
        level: to_hex(cmap(0.84 - 0.80 * (place - low) / span)) for level, place in places.items()
    }
