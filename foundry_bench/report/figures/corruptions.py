"""What corrupted clouds cost: by kind, and over severities where there are several."""

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from foundry_bench.report.backbones import Named
from foundry_bench.report.corruptions import Corruptions
from foundry_bench.report.figures.backbones import Look, add_legend, choose_looks, make_marker
from foundry_bench.report.figures.canvas import intervals_text, new_figure, note
from foundry_bench.report.stats import Interval
from foundry_bench.report.style import INK

_COLUMNS = 2
"""Panels beside each other, a kind each."""


def draw_corruptions(data: Corruptions) -> Figure:
    """A row a kind and a point a backbone; with several severities a panel a kind and curves."""
    looks = choose_looks([damage.backbone for damage in data.damages])
    figure = _panels(data, looks) if len(data.severities) > 1 else _rows(data, looks)
    add_legend(figure, looks)
    return figure


def _rows(data: Corruptions, looks: Mapping[Named, Look]) -> Figure:
    figure = new_figure(1.0 + 0.3 * len(data.kinds))
    axes = figure.add_subplot()
    (severity,) = data.severities
    step = min(0.15, 0.7 / len(data.damages))
    for index, damage in enumerate(data.damages):
        look = looks[damage.backbone]
        for place, kind in enumerate(data.kinds):
            drop = damage.drops.get(kind, {}).get(severity)
            if drop is None:
                continue
            height = place + step * (index - (len(data.damages) - 1) / 2)
            if drop.is_bounded:
                axes.hlines(height, drop.low, drop.high, color=look[0], linewidth=1.0, zorder=3)
            mark = make_marker(damage.backbone, look)
            mark.set_data([drop.mean], [height])
            axes.add_line(mark)
    axes.autoscale_view()
    axes.axvline(0, color=INK, linewidth=0.7, zorder=1)
    axes.set_yticks(range(len(data.kinds)), [kind.replace("_", " ") for kind in data.kinds])
    axes.set_ylim(len(data.kinds) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("accuracy lost against clean clouds (points)")
    note(axes, intervals_text(data.counts))
    return figure


def _panels(data: Corruptions, looks: Mapping[Named, Look]) -> Figure:
    num_rows = -(-len(data.kinds) // _COLUMNS)
    figure = new_figure(1.0 + 1.25 * num_rows)
    grid = figure.subplots(num_rows, _COLUMNS, sharex=True, sharey=True, squeeze=False)
    for place, axes in enumerate(grid.flat):
        if place >= len(data.kinds):
            axes.set_visible(False)
            continue
        kind = data.kinds[place]
        for damage in data.damages:
            look = looks[damage.backbone]
            _draw_curve(axes, damage.backbone, damage.drops.get(kind, {}), look)
        axes.autoscale_view()
        axes.axhline(0, color=INK, linewidth=0.7, zorder=1)
        axes.set_title(kind.replace("_", " "), fontsize=6.6, loc="left", pad=3)
        axes.set_xticks(data.severities)
        if place + _COLUMNS >= len(data.kinds):
            axes.set_xlabel("severity")
            axes.tick_params(labelbottom=True)
    for line in grid[:, 0]:
        line.set_ylabel("accuracy lost (points)", fontsize=7)
    figure.suptitle(intervals_text(data.counts), x=0.02, ha="left", fontsize=6.2)
    return figure


def _draw_curve(axes: Axes, backbone: Named, drops: Mapping[int, Interval], look: Look) -> None:
    """One backbone over severities."""
    severities = sorted(drops)
    intervals = [drops[severity] for severity in severities]
    if intervals and all(interval.is_bounded for interval in intervals):
        axes.fill_between(
            severities,
            [interval.low for interval in intervals],
            [interval.high for interval in intervals],
            color=look[0],
            alpha=0.13,
            linewidth=0,
        )
    curve = make_marker(backbone, look, linestyle="-")
    curve.set_data(severities, [interval.mean for interval in intervals])
    axes.add_line(curve)
