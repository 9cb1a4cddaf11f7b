"""A number over the epochs of distillation."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from foundry_bench.report.figure_data import Curves
from foundry_bench.report.figures.canvas import intervals_text, new_figure, note
from foundry_bench.report.style import supertoken_colours


def draw_curves(data: Curves) -> Figure:
    """A line per number of SuperTokens, its mean over seeds, with the interval as a band."""
    figure = new_figure(2.5)
    axes = figure.add_subplot()
    colours = supertoken_colours([curve.supertokens for curve in data.curves])
    for curve in data.curves:
        colour = colours[curve.supertokens]
        means = [interval.mean for interval in curve.intervals]
        marker = "o" if len(curve.epochs) == 1 else ""
        axes.plot(
            curve.epochs,
            means,
            color=colour,
            label=f"s = {curve.supertokens}",
            marker=marker,
            zorder=3,
        )
        low = np.array([interval.low for interval in curve.intervals])
        high = np.array([interval.high for interval in curve.intervals])
        axes.fill_between(curve.epochs, low, high, color=colour, alpha=0.18, linewidth=0)
    means = [interval.mean for curve in data.curves for interval in curve.intervals]
    if min(means) > 0 and max(means) > 4 * min(means):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    axes.set_xlabel("epoch")
    axes.set_ylabel(data.label)
    axes.legend(loc="upper right", ncols=1 + (len(data.curves) > 6))
    seeds = intervals_text([interval.n for curve in data.curves for interval in curve.intervals])
    note(axes, seeds)
    return figure
