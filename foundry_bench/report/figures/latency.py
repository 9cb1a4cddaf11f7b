"""Where the time of a pass goes, model by model."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from foundry_bench.report.figures.canvas import new_figure
from foundry_bench.report.figures.style import INK, SERIES, SOFT

COLOURS = {
    "group": SERIES[7],
    "tokenize": SERIES[2],
    "compress": SERIES[1],
    "encode": SERIES[0],
    "upsample": SERIES[3],
    "head": SERIES[4],
}
WORDS = {"group": "FPS, kNN", "tokenize": "tokenizer"}


@dataclass(frozen=True)
class Bar:
    """One model.

    Attributes:
        parts_ms: by part, in order.
        quartiles_ms: of whole passes, as they were timed without a watch inside.
        floor: the share of tokenizer and geometry.
    """

    model: str
    parts_ms: dict[str, float]
    quartiles_ms: tuple[float, float, float]
    floor: float


def draw_latency(bars: Sequence[Bar], batch: int) -> Figure:
    """A stacked bar a model; a line from quartile to quartile of whole passes over it."""
    figure = new_figure(0.95 + 0.21 * len(bars))
    axes = figure.add_subplot()
    places = range(len(bars))
    left = [0.0] * len(bars)
    for part, colour in COLOURS.items():
        widths = [bar.parts_ms.get(part, 0.0) for bar in bars]
        if any(widths):
            label = WORDS.get(part, part)
            axes.barh(places, widths, 0.62, left=left, color=colour, label=label, zorder=2)
            left = [start + width for start, width in zip(left, widths, strict=True)]
    longest = max(*left, *(bar.quartiles_ms[2] for bar in bars))
    for place, bar, end in zip(places, bars, left, strict=True):
        low, middle, high = bar.quartiles_ms
        axes.plot([low, high], [place, place], color=INK, linewidth=1.1, zorder=3)
        axes.plot([middle], [place], "|", color=INK, markersize=7, zorder=3)
        axes.annotate(
            _digits(middle) + f" ms, {100 * bar.floor:.0f} %",
            (max(high, end), place),
            (3, 0),
            textcoords="offset points",
            va="center",
            fontsize=6,
            color=SOFT,
        )
    axes.set_yticks(places, [bar.model for bar in bars])
    axes.set_ylim(len(bars) - 0.5, -0.5)
    axes.set_xlim(0, 1.55 * longest)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    clouds = "one cloud" if batch == 1 else f"a batch of {batch} clouds"
    axes.set_xlabel(f"ms of {clouds}; % of it FPS, kNN and tokenizer", loc="right")
    figure.legend(loc="outside upper center", ncols=3, columnspacing=1.2)
    return figure


def _digits(number: float) -> str:
    """Three digits, and all of whole numbers."""
    return f"{number:,.0f}" if number >= 100 else f"{number:#.3g}"
