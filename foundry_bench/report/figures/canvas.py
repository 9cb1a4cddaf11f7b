"""What the drawings share: empty figures, baselines, labels side by side, PNG and SVG bytes."""

import io
import re
from collections.abc import Callable, Sequence
from typing import Any, Literal

from matplotlib import style
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import LogFormatterSciNotation

from foundry_bench.report.analysis.baselines import BaselineLine
from foundry_bench.report.figures.style import INK, SOFT, STYLE, WIDTH, baseline_style
from foundry_bench.report.statistics.intervals import MIN_SEEDS, Interval
from foundry_bench.report.study.summary import TEACHER
from foundry_bench.report.wording import DETERMINISTIC

INTERVALS = "Bars and bands are 95 % Student-t intervals over seeds (from three seeds on)"

FAR = 1.2
"""What lies further from the main students than so many of their spans is named at the edge."""

FAR_TEACHER = 2.5
"""The same for the teacher, which a figure shows to scale if it can."""

_LEGEND_LETTERS = 64
"""What a line of a legend has room for; a marker takes four."""


_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class PowerFormatter(LogFormatterSciNotation):
    """Powers of ten on a logarithmic axis without mathematical text, which the style turns off."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        """The text of the tick at `x`, such as `10⁻³` or `2×10⁵`; empty where none fits."""
        text = re.sub(r"^\$\\mathdefault\{(.*)\}\$$", r"\1", super().__call__(x, pos))
        text = text.replace(r"\times", "×")
        return re.sub(r"\^\{(.*?)\}", lambda found: superscript(int(found[1])), text)


def superscript(power: int) -> str:
    """`power` in raised digits."""
    return str(power).translate(_SUPERSCRIPTS)


def baseline_words(baselines: Sequence[BaselineLine]) -> str:
    """Which lines with bands a figure has; empty if it has none."""
    names = [
        f"{line.label} ({DETERMINISTIC}, no band)" if line.interval.is_constant else line.label
        for line in baselines
    ]
    mark = "; " if any("," in line.label for line in baselines) else ", "
    return f" Lines with bands: {mark.join(names)}." if names else ""


def render(draw: Callable[[], Figure]) -> tuple[bytes, bytes]:
    """PNG and SVG of what `draw` draws, in the report's style; the same bytes each time."""
    with style.context(STYLE, after_reset=True):
        figure = draw()
        png, svg = io.BytesIO(), io.BytesIO()
        figure.savefig(png, format="png", metadata={"Software": None})
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    return png.getvalue(), svg.getvalue()


def new_figure(height: float, width: float = WIDTH) -> Figure:
    """An empty figure of so many inches, outside of pyplot's global state."""
    figure = Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03))
    FigureCanvasAgg(figure)
    return figure


def focus(main: Sequence[float], others: Sequence[float], far: float = FAR) -> tuple[float, float]:
    """The range of `main` and of `others` within `far` of its spans; of all without `main`."""
    inner = list(main) or list(others)
    low, high = _near_limits(min(inner), max(inner), far)
    near = [*inner, *(value for value in others if low <= value <= high)]
    return min(near), max(near)


def draw_baselines(
    axes: Axes, baselines: Sequence[BaselineLine], values: Sequence[float], digits: int = 1
) -> None:
    """Baselines as lines with bands, named at the right; far ones at the edge they lie beyond.

    Sets the y limits, so that `values` and the near baselines fit.
    """
    low, high = min(values), max(values)
    near = [line for line in baselines if _is_near(line, low, high)]
    bounds = [low, high, *(bound for line in near for bound in line.interval.ends)]
    pad = 0.07 * (max(bounds) - min(bounds) or 1.0)
    axes.set_ylim(min(bounds) - pad, max(bounds) + pad)
    for line in near:
        draw_baseline(axes.axhline, axes.axhspan, line)
    limits = axes.get_ylim()
    far_low = [line for line in baselines if line not in near and line.interval.mean < low]
    wanted = [
        (line, min(max(line.interval.mean, limits[0]), limits[1])) for line in (*near, *far_low)
    ]
    wanted += [(line, limits[1]) for line in baselines if line not in near and line not in far_low]
    wanted.sort(key=lambda pair: pair[0].interval.mean)
    places = spread([place for _, place in wanted], 0.135 * (limits[1] - limits[0]), limits)
    for (line, _), place in zip(wanted, places, strict=True):
        colour, _ = baseline_style(line.variant)
        arrow = "" if line in near else "↓ " if line in far_low else "↑ "
        text = f"{arrow}{line.label}\n{line.interval.mean:.{digits}f}"
        if line.interval.is_bounded:
            text += f" ± {line.interval.half:.{digits}f}"
        counted = DETERMINISTIC if line.interval.is_constant else f"n={line.interval.n}"
        axes.annotate(
            f"{text} ({counted})",
            (1.015, place),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=5.8,
            color=colour,
            linespacing=1.05,
            annotation_clip=False,
        )


def draw_baseline(
    draw_line: Callable[..., object], draw_span: Callable[..., object], baseline: BaselineLine
) -> None:
    """A baseline as a line with a band, across or upright, by what axes draw such with."""
    colour, dash = baseline_style(baseline.variant)
    draw_line(baseline.interval.mean, color=colour, linestyle=dash, linewidth=1.1, zorder=1.5)
    if baseline.interval.is_bounded:
        draw_span(*baseline.interval.ends, color=colour, alpha=0.10, linewidth=0, zorder=1)


def draw_band(
    axes: Axes, xs: Sequence[float], intervals: Sequence[Interval], colour: str, alpha: float
) -> None:
    """Intervals as a band; there is none where they are not bounded."""
    low, high = ([each.low for each in intervals], [each.high for each in intervals])
    axes.fill_between(xs, low, high, color=colour, alpha=alpha, linewidth=0)


def draw_mean(
    axes: Axes,
    x: Interval,
    y: Interval,
    colour: str,
    marker: str,
    *,
    is_filled: bool,
    **looks: Any,
) -> None:
    """A marker with its intervals both ways, where those have a width."""
    axes.errorbar(
        x.mean,
        y.mean,
        xerr=x.half if x.half > 0 else None,
        yerr=y.half if y.half > 0 else None,
        marker=marker,
        color=colour,
        markerfacecolor=colour if is_filled else "white",
        markeredgecolor=INK if is_filled else colour,
        capsize=0,
        **looks,
    )


def make_key(label: str, colour: str | None = SOFT, marker: str = "o", **looks: Any) -> Line2D:
    """A marker for a legend."""
    looks = {"linestyle": "", "markersize": 4.5, **looks}
    return Line2D([], [], marker=marker, color=colour, label=label, **looks)


def add_legend(
    figure: Figure,
    place: Literal["outside upper left", "outside lower left"],
    keys: Sequence[Artist],
    columns: int,
    **gaps: Any,
) -> None:
    """A legend beside the axes, in so many columns."""
    figure.legend(handles=keys, loc=place, ncols=columns, borderaxespad=0.0, **gaps)


def add_series_legend(figure: Figure, keys: Sequence[Line2D]) -> None:
    """Below the figure the names of series, as many beside each other as fit."""
    columns = legend_columns([str(key.get_label()) for key in keys])
    add_legend(figure, "outside lower left", keys, columns, handletextpad=0.2, columnspacing=1.0)


def spread(places: Sequence[float], gap: float, limits: tuple[float, float]) -> list[float]:
    """`places` moved as little as needed to lie `gap` apart, inside `limits` if they all fit."""
    order = sorted(range(len(places)), key=lambda index: places[index])
    moved: list[float] = []
    for index in order:
        moved.append(
            max(places[index], moved[-1] + gap) if moved else max(places[index], limits[0])
        )
    ceiling = limits[1]
    for position in reversed(range(len(moved))):
        moved[position] = min(moved[position], ceiling)
        ceiling = moved[position] - gap
    result = [0.0] * len(places)
    for index, place in zip(order, moved, strict=True):
        result[index] = place
    return result


def note(axes: Axes, text: str) -> None:
    """A small remark above the axes, where it covers no data."""
    axes.set_title(text, loc="left", fontsize=6.2, color=SOFT, linespacing=1.25, pad=4)


def without_common(names: Sequence[str]) -> list[str]:
    """`names` without the first part, up to a comma, if all share it."""
    parts = [name.split(", ") for name in names]
    if len({first for first, *_ in parts}) == 1:
        return [", ".join(rest) or first for first, *rest in parts]
    return list(names)


def legend_columns(names: Sequence[str]) -> int:
    """How many names of series fit beside each other under or over a figure, four at most."""
    longest = max(len(name) for name in names)
    return max(1, min(4, len(names), _LEGEND_LETTERS // (longest + 4)))


def intervals_text(counts: Sequence[int]) -> str:
    """What the bars and bands of a figure are."""
    what = "mean, 95 % t-interval" if max(counts) >= MIN_SEEDS else "mean, no interval"
    return f"{what}, {seeds_text(counts)}"


def seeds_text(counts: Sequence[int]) -> str:
    """`n = 3 seeds`, or a range, for a remark."""
    low, high = min(counts), max(counts)
    return (
        f"n = {low} seed{'s' if low != 1 else ''}" if low == high else f"n = {low} to {high} seeds"
    )


def _near_limits(low: float, high: float, far: float) -> tuple[float, float]:
    span = max(high - low, 1e-3 * max(abs(high), 1e-3))
    return low - far * span, high + far * span


def _is_near(line: BaselineLine, low: float, high: float) -> bool:
    far = FAR_TEACHER if line.variant == TEACHER else FAR
    bottom, top = _near_limits(low, high, far)
    return bottom <= line.interval.mean <= top
