"""Clouds painted by SuperToken: which clouds, whose colour differs, how they are turned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from foundry_bench.report.records.harvest import Arrays
from foundry_bench.report.study.levels import SUPERTOKENS, Axis

MAX_CLOUDS = 6

NEIGHBOURS = 6

Floats = NDArray[np.float64]

Integers = NDArray[np.int64]


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
