"""Clouds painted by SuperToken."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from foundry_bench.report.figures.canvas import new_figure
from foundry_bench.report.figures.painting import (
    Assignment,
    Cell,
    Painting,
    light,
    paint,
    project,
    read_assignment,
)
from foundry_bench.report.figures.style import PAINT, SOFT, UNPAINTED, WIDTH
from foundry_bench.report.sections import Picture, picture
from foundry_bench.report.study.levels import GATE_LAMBDA
from foundry_bench.report.study.study import Study

LEFT, TOP = 0.16, 0.3
"""Inches for the names of classes and of columns."""

LARGEST_CELL = 0.95


SMALLEST_VIEW = 0.9
"""Least width of what a cell shows, in radii of the clouds' unit sphere."""

MAX_PAINTED = 6
"""Columns of painted clouds."""


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


def find_painting(study: Study) -> Painting | None:
    """The clouds of the first main series at its smallest seed that has arrays, if any."""
    main, axis = study.summary.main(), study.summary.axis_of_distillation
    by_seed: dict[int, dict[float, Assignment]] = {}
    for run in sorted(study.runs, key=lambda run: run.seed):
        level = run.level.on(axis)
        is_shown = run.role == "main" and run.series.name == main[0].series and level is not None
        if not is_shown or level is None or (by_seed and run.seed not in by_seed):
            continue
        for _, arrays in study.evidence.arrays_of(study.trial_of(run)):
            if (assignment := read_assignment(arrays)) is not None:
                by_seed.setdefault(run.seed, {}).setdefault(level, assignment)
    seed = min(by_seed, default=None)
    if seed is None:
        return None
    levels = thin_out(sorted(by_seed[seed]), MAX_PAINTED)
    chosen = {level: by_seed[seed][level] for level in levels}
    return paint(chosen, main[0].series, seed, len(PAINT), axis)


def thin_out(values: Sequence[float], most: int) -> list[float]:
    """At most `most` of `values`, first and last among them, evenly spaced in their order."""
    if len(values) <= most:
        return list(values)
    return [values[round(index * (len(values) - 1) / (most - 1))] for index in range(most)]


def picture_clouds(study: Study) -> Picture | None:
    """The picture of `find_painting`, if there are any clouds."""
    data = find_painting(study)
    if data is None:
        return None
    kept = ", grey where it is kept as it is" if data.axis == GATE_LAMBDA else ""
    caption = (
        f"The same clouds, each point coloured by the SuperToken its patch goes to{kept}"
        f" ({data.series}, seed {data.seed})."
        " SuperTokens that touch have different colours; colours mean nothing across columns."
        " Above each column: SuperTokens in use, mean over the clouds shown."
    )
    levels = ", ".join(f"{level:g}" for level in data.cells)
    alt = (
        f"A grid of {len(data.classes)} point clouds painted by SuperToken at"
        f" {data.axis.symbol} = {levels}."
    )
    title = "Clouds painted by SuperToken"
    return picture("supertokens_on_clouds", title, caption, alt, data, draw_painting)
