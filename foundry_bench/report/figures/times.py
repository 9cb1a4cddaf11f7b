"""Where the time went."""

from matplotlib.figure import Figure

from foundry_bench.report.figure_data import Times
from foundry_bench.report.figures.canvas import new_figure
from foundry_bench.report.style import MAIN, SOFT

WIDEST = 24
"""Letters of a kind of stage that leave room for the axis' label."""


def draw_times(data: Times) -> Figure:
    """A bar per kind of stage: the sum over its stages, with their number and median beside it."""
    figure = new_figure(0.65 + 0.33 * len(data.kinds))
    axes = figure.add_subplot()
    devices = {kind.device for kind in data.kinds}
    labels = [
        f"{kind.label}\n{kind.device}" if len(devices) > 1 else kind.label for kind in data.kinds
    ]
    longest = max(kind.total for kind in data.kinds)
    unit, divisor = ("min", 60.0) if longest >= 600 else ("s", 1.0)
    places = range(len(data.kinds))
    axes.barh(
        places, [kind.total / divisor for kind in data.kinds], height=0.6, color=MAIN, zorder=2
    )
    for place, kind in zip(places, data.kinds, strict=True):
        text = f"{kind.total / divisor:.3g} {unit}\n{kind.num_stages} × {kind.quartiles[1]:.3g} s"
        axes.annotate(
            text,
            (kind.total / divisor, place),
            (3, 0),
            textcoords="offset points",
            va="center",
            fontsize=6,
            color=SOFT,
            linespacing=1.1,
        )
    axes.set_yticks(places, labels)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.3 * longest / divisor or 1.0)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    is_narrow = max(len(label) for label in labels) > WIDEST
    axes.set_xlabel(
        f"time in all stages ({unit}); number × median", loc="right" if is_narrow else "center"
    )
    return figure
