"""How a gate's probabilities are spread over tokens."""

from matplotlib.figure import Figure

from foundry_bench.report.figures.canvas import new_figure, note, seeds_text
from foundry_bench.report.gates import GateHistograms
from foundry_bench.report.style import SOFT, level_colours


def draw_gates(data: GateHistograms) -> Figure:
    """A row a level, a column a series; each histogram as high as its highest bar."""
    levels, columns = data.levels, len(data.series)
    figure = new_figure(0.75 + 0.3 * len(levels))
    grid = figure.subplots(len(levels), columns, sharex=True, squeeze=False)
    colours = level_colours(data.axis, levels)
    for column, (name, spreads) in enumerate(data.series.items()):
        for row, level in enumerate(levels):
            axes = grid[row, column]
            axes.set(yticks=[], xlim=(0, 1))
            axes.spines["left"].set_visible(False)
            axes.grid(visible=False)
            if column == 0:
                axes.set_ylabel(
                    data.axis.text(level), rotation=0, ha="right", va="center", fontsize=6.2
                )
            spread = spreads.get(level)
            if spread is not None:
                edges = [index / len(spread.shares) for index in range(len(spread.shares) + 1)]
                axes.stairs(spread.shares, edges, fill=True, color=colours[level])
                axes.set_ylim(0, 1.05 * max(spread.shares))
        if columns > 1:
            grid[0, column].set_title(name, fontsize=6.2, color=SOFT)
        grid[-1, column].set_xlabel("π of a token")
    counts = [spread.n for spreads in data.series.values() for spread in spreads.values()]
    if columns == 1:
        note(grid[0, 0], f"share of tokens, mean over {seeds_text(counts)}")
    return figure
