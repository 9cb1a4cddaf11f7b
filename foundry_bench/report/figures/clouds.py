"""Clouds painted by SuperToken."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from foundry_bench.report.figures.canvas import new_figure
from foundry_bench.report.painting import Cell, Painting, light, project
from foundry_bench.report.style import PAINT, SOFT, UNPAINTED, WIDTH

LEFT, TOP = 0.16, 0.3
"""Inches for the names of classes and of columns."""

LARGEST_CELL = 0.95
SMALLEST_VIEW = 0.9
"""Least width of what a cell shows, in radii of the clouds' unit sphere."""


def draw_painting(data: Painting) -> Figure:
    """A row a cloud, a column a level; near points are drawn last."""
    rows, columns = len(data.classes), len(data.cells)
    cell = min(LARGEST_CELL, (WIDTH - LEFT) / columns)
    width, height = LEFT + cell * columns, TOP + cell * rows
    figure = new_figure(height, width)
    figure.set_layout_engine("none")
    size = 8.0 if data.axis.is_count else 6.0
    for column, (level, cells) in enumerate(data.cells.items()):
        used = np.mean([cell.num_used for cell in cells])
        middle = (LEFT + (column + 0.5) * cell) / width
        heads = ((data.axis.text(level), 0.03, size), (f"{used:.1f} in use", 0.17, 5.6))
        for text, drop, points in heads:
            figure.text(middle, 1 - drop / height, text, fontsize=points, ha="center", va="top")
        for row, each in enumerate(cells):
            corner = ((LEFT + column * cell) / width, (rows - row - 1) * cell / height)
            _draw_cell(figure.add_axes((*corner, cell / width, cell / height)), each)
    for row, name in enumerate(data.classes):
        middle = (rows - row - 0.5) * cell / height
        label = figure.text(0.5 * LEFT / width, middle, name.replace("_", " "), fontsize=6)
        label.set(rotation=90, ha="center", va="center", color=SOFT)
    return figure


def _draw_cell(axes: Axes, cell: Cell) -> None:
    screen_N2, depth_N = project(cell.points_N3)
    order = np.argsort(-depth_N, kind="stable")
    palette = np.array([to_rgb(colour) for colour in (*PAINT, UNPAINTED)])
    x_N, y_N = screen_N2[order].T
    shade_N1 = (0.72 + 0.30 * light(cell.points_N3))[:, None]
    haze_N1 = (0.30 * depth_N)[:, None]
    colour_N3 = np.clip(palette[cell.colour_N] * shade_N1 * (1 - haze_N1) + haze_N1, 0, 1)
    size_N = 3.4 - 1.4 * depth_N
    axes.scatter(
        x_N,
        y_N,
        s=size_N[order],
        c=colour_N3[order],
        linewidths=0.12,
        edgecolors=[tuple(colour) for colour in (colour_N3[order] * 0.72).tolist()],
        rasterized=True,
        clip_on=False,
    )
    low, high = np.quantile(screen_N2, [0.01, 0.99], axis=0)
    centre = (low + high) / 2
    half = 0.59 * max(float((high - low).max()), SMALLEST_VIEW)
    axes.set_xlim(centre[0] - half, centre[0] + half)
    axes.set_ylim(centre[1] - half, centre[1] + half)
    axes.axis("off")
