"""Clouds painted by SuperToken: which clouds, whose colour differs, how they are turned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from foundry_bench.report.figures.canvas import new_figure
from foundry_bench.report.figures.style import PAINT, SOFT, UNPAINTED, WIDTH
from foundry_bench.report.records.harvest import Arrays
from foundry_bench.report.sections import Picture, picture
from foundry_bench.report.study.levels import GATE_LAMBDA, SUPERTOKENS, Axis
from foundry_bench.report.study.study import Study

MAX_CLOUDS = 6

NEIGHBOURS = 6

Floats = NDArray[np.float64]

Integers = NDArray[np.int64]

LEFT, TOP = 0.16, 0.3
"""Inches for the names of classes and of columns."""

LARGEST_CELL = 0.95


SMALLEST_VIEW = 0.9
"""Least width of what a cell shows, in radii of the clouds' unit sphere."""

MAX_PAINTED = 6
"""Columns of painted clouds."""


@dataclass(frozen=True)
class Assignment:
    """What a distill stage left: clouds and the SuperToken of each point.

    Attributes:
        points_MN3: clouds, up axis y.
        supertoken_MN: -1 where a point lies in no patch or its token was kept as it is.
        classes: the name of each cloud's class.
    """

    points_MN3: Floats
    supertoken_MN: Integers
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Cell:
    """One cloud of one student.

    Attributes:
        points_N3: as the stage left them.
        colour_N: index of a colour, -1 for none; SuperTokens that touch have different ones.
        num_used: SuperTokens that have points.
    """

    points_N3: Floats
    colour_N: Integers
    num_used: int


@dataclass(frozen=True)
class Painting:
    """The same clouds under students of different levels on `axis`.

    Attributes:
        cells: by level, a cell a cloud.
    """

    series: str
    seed: int
    axis: Axis
    classes: tuple[str, ...]
    cells: Mapping[float, tuple[Cell, ...]]

    def lines(self) -> list[dict[str, object]]:
        """How many SuperTokens each cloud uses."""
        return [
            {
                self.axis.name: level,
                "cloud": index,
                "class": self.classes[index],
                "seed": self.seed,
                "in_use": cell.num_used,
            }
            for level, cells in self.cells.items()
            for index, cell in enumerate(cells)
        ]


def read_assignment(arrays: Arrays) -> Assignment | None:
    """The arrays of a distill stage; None if they are not that."""
    try:
        points = arrays["points_MN3"].astype(np.float64)
        supertoken = arrays["supertoken_MN"].astype(np.int64)
        names = [str(name) for name in arrays["class_names"]]
        classes = tuple(names[label] for label in arrays["labels_M"].tolist())
    except (ValueError, TypeError, KeyError, IndexError):
        return None
    agrees = (
        points.ndim == 3 and points.shape == (*supertoken.shape, 3) and len(classes) == len(points)
    )
    return Assignment(points, supertoken, classes) if agrees and np.isfinite(points).all() else None


def paint(
    assignments: Mapping[float, Assignment],
    series: str,
    seed: int,
    num_colours: int,
    axis: Axis = SUPERTOKENS,
) -> Painting | None:
    """The clouds that all `assignments` (by level on `axis`) share."""
    if not assignments:
        return None
    first = next(iter(assignments.values()))
    alike = {
        level: assignment
        for level, assignment in sorted(assignments.items())
        if np.array_equal(assignment.points_MN3, first.points_MN3)
    }
    chosen = choose_clouds(first.classes)
    cells = {
        level: tuple(
            _cell(assignment.points_MN3[index], assignment.supertoken_MN[index], num_colours)
            for index in chosen
        )
        for level, assignment in alike.items()
    }
    classes = tuple(first.classes[index] for index in chosen)
    return Painting(series, seed, axis, classes, cells)


def choose_clouds(classes: Sequence[str]) -> list[int]:
    """At most `MAX_CLOUDS` indices in order: one cloud of each class first, then the others."""
    first_of = sorted({name: index for index, name in reversed(list(enumerate(classes)))}.values())
    others = [index for index in range(len(classes)) if index not in set(first_of)]
    return sorted((first_of + others)[:MAX_CLOUDS])


def colour_supertokens(
    points_N3: Floats, supertoken_N: Integers, num_colours: int
) -> dict[int, int]:
    """SuperToken -> colour index, so that neighbours differ while colours last.

    Greedy over SuperTokens from the one with most neighbours down; each takes the colour that its
    neighbours use least, then the one used least altogether. Deterministic.
    """
    present = [int(name) for name in np.unique(supertoken_N) if name >= 0]
    index_of = {name: index for index, name in enumerate(present)}
    contact = np.zeros((len(present), len(present)))
    inside = supertoken_N >= 0
    points = points_N3[inside]
    owners = np.array([index_of[int(name)] for name in supertoken_N[inside]])
    if len(points) > NEIGHBOURS:
        near = _nearest(points, NEIGHBOURS + 1)[:, 1:]
        np.add.at(contact, (np.repeat(owners, NEIGHBOURS), owners[near].ravel()), 1.0)
        contact += contact.T
        np.fill_diagonal(contact, 0.0)
    colours: dict[int, int] = {}
    for index in sorted(
        range(len(present)), key=lambda index: (-float(contact[index].sum()), index)
    ):
        touching, used = np.zeros(num_colours), np.zeros(num_colours)
        for other, colour in colours.items():
            touching[colour] += contact[index, other]
            used[colour] += 1
        colours[index] = min(
            range(num_colours), key=lambda colour: (touching[colour], used[colour], colour)
        )
    return {name: colours[index] for name, index in index_of.items()}


def project(
    points_N3: Floats, *, azimuth: float = 0.65, elevation: float = 0.38
) -> tuple[Floats, Floats]:
    """Orthographic view from the front right, a little above (up axis y).

    Returns:
        screen_N2 and depth_N in 0 (near) to 1 (far).
    """
    x, y, z = points_N3.T
    right, away = (
        np.cos(azimuth) * x - np.sin(azimuth) * z,
        -np.sin(azimuth) * x - np.cos(azimuth) * z,
    )
    up, depth = (
        np.cos(elevation) * y + np.sin(elevation) * away,
        np.cos(elevation) * away - np.sin(elevation) * y,
    )
    span = np.ptp(depth)
    return np.stack([right, up], 1), (depth - depth.min()) / (span if span > 0 else 1.0)


def light(points_N3: Floats, direction: tuple[float, float, float] = (0.5, 0.75, 0.45)) -> Floats:
    """How much each point's surface, fitted to its neighbours, faces the light: 0 to 1."""
    if len(points_N3) <= 2 * NEIGHBOURS:
        return np.ones(len(points_N3))
    near_NK = _nearest(points_N3, 2 * NEIGHBOURS)
    patches_NK3 = points_N3[near_NK] - points_N3[near_NK].mean(1, keepdims=True)
    _, axes_N33 = np.linalg.eigh(np.einsum("nki,nkj->nij", patches_NK3, patches_NK3))
    facing_N: Floats = np.abs(axes_N33[:, :, 0] @ (np.array(direction) / np.linalg.norm(direction)))
    return facing_N


def _nearest(points_N3: Floats, count: int) -> Integers:
    """The `count` nearest points of each point, itself first."""
    return np.asarray(cKDTree(points_N3).query(points_N3, count)[1], dtype=np.int64)


def _cell(points_N3: Floats, supertoken_N: Integers, num_colours: int) -> Cell:
    colours = colour_supertokens(points_N3, supertoken_N, num_colours)
    colour_N = np.array([colours.get(int(name), -1) for name in supertoken_N])
    return Cell(points_N3, colour_N, len(colours))


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
