"""Primitives: functions that return the pieces of a box, cylinder, sphere, torus, tube ...

Lengths are in the recipe's own unit (a cloud is normalised at the end), angles in radians,
y is up. Areas are analytic; an oval section counts as the circle of the same circumference.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from foundry_bench.data.shapes.pieces import Kind, Piece
from foundry_bench.data.shapes.vectors import (
    UP,
    ZERO,
    Vec,
    add,
    cross,
    frame,
    length,
    scale,
    subtract,
    unit,
)

Pieces = list[Piece]
Profile = Sequence[tuple[float, float]]
TAU = math.tau


def panel(origin: Vec, along: Vec, across: Vec, taper: float = 1.0) -> Pieces:
    """A flat trapezoid from the edge centred on `origin`; the far edge is `taper` times as wide.

    `taper` 1 is a parallelogram, 0 a triangle.
    """
    area = length(cross(along, across)) * (1.0 + taper) / 2.0
    return [Piece(Kind.PANEL, origin, along, across, ZERO, 1.0, taper, 0.0, 0.0, area)]


def box(centre: Vec, size: Vec) -> Pieces:
    """An axis-aligned box of edge lengths `size`."""
    x, y, z = (extent / 2.0 for extent in size)
    edges = ((2.0 * x, 0.0, 0.0), (0.0, 2.0 * y, 0.0), (0.0, 0.0, 2.0 * z))
    cx, cy, cz = centre
    pieces: Pieces = []
    for sign in (-1.0, 1.0):
        pieces += panel((cx + sign * x, cy - y, cz), edges[1], edges[2])
        pieces += panel((cx, cy + sign * y, cz - z), edges[2], edges[0])
        pieces += panel((cx, cy - y, cz + sign * z), edges[1], edges[0])
    return pieces


def bar(start: Vec, end: Vec, thickness: float, depth: float | None = None) -> Pieces:
    """A straight bar of rectangular section; for a horizontal bar `depth` is its height."""
    along = subtract(end, start)
    right, front = frame(unit(along))
    right = scale(right, thickness)
    front = scale(front, thickness if depth is None else depth)
    pieces: Pieces = []
    for sign in (-0.5, 0.5):
        pieces += panel(add(start, scale(right, sign)), along, front)
        pieces += panel(add(start, scale(front, sign)), along, right)
    for base in (start, end):
        pieces += panel(subtract(base, scale(right, 0.5)), right, front)
    return pieces


def tapered_box(
    base: Vec,
    bottom: tuple[float, float],
    top: tuple[float, float],
    height: float,
    shift: float = 0.0,
) -> Pieces:
    """A box whose horizontal section goes from `bottom` to `top` (x and z), moved by `shift` in x.

    `base` is the centre of the lower face.
    """
    (x0, z0), (x1, z1) = bottom, top
    roof = add(base, (shift, height, 0.0))
    pieces: Pieces = []
    for sign in (-0.5, 0.5):
        edge = add(base, (sign * x0, 0.0, 0.0))
        slope = subtract(add(roof, (sign * x1, 0.0, 0.0)), edge)
        pieces += panel(edge, slope, (0.0, 0.0, z0), z1 / z0)
        edge = add(base, (0.0, 0.0, sign * z0))
        slope = subtract(add(roof, (0.0, 0.0, sign * z1)), edge)
        pieces += panel(edge, slope, (x0, 0.0, 0.0), x1 / x0)
    for centre, (x, z) in ((base, bottom), (roof, top)):
        pieces += panel(subtract(centre, (x / 2.0, 0.0, 0.0)), (x, 0.0, 0.0), (0.0, 0.0, z))
    return pieces


def slab(origin: Vec, along: Vec, across: Vec, thickness: Vec, taper: float = 1.0) -> Pieces:
    """A trapezoid (see `panel`) with `thickness` to both sides and closed long edges: a wing."""
    half = scale(thickness, 0.5)
    pieces = panel(add(origin, half), along, across, taper)
    pieces += panel(subtract(origin, half), along, across, taper)
    for sign in (-0.5, 0.5):
        slope = add(along, scale(across, sign * (taper - 1.0)))
        pieces += panel(add(origin, scale(across, sign)), slope, thickness)
    return pieces


def plate(profile: Profile, centre: Vec, thickness: float) -> Pieces:
    """An upright plate, symmetric in x and `thickness` thick in z: a guitar's body, a blade.

    `profile` holds (half width, height over `centre`) from bottom to top.
    """
    cx, cy, cz = centre
    pieces: Pieces = []
    for (w0, y0), (w1, y1) in pairwise(profile):
        low, high = (w0, w1) if w0 >= w1 else (w1, w0)
        first, last = (y0, y1) if w0 >= w1 else (y1, y0)
        for sign in (-1.0, 1.0):
            origin = (cx, cy + first, cz + sign * thickness / 2.0)
            pieces += panel(origin, (0.0, last - first, 0.0), (2.0 * low, 0.0, 0.0), high / low)
            edge = (sign * (w1 - w0), y1 - y0, 0.0)
            pieces += panel((cx + sign * w0, cy + y0, cz), edge, (0.0, 0.0, thickness))
    return pieces


def frustum(
    start: Vec,
    end: Vec,
    start_radius: float,
    end_radius: float,
    squash: float = 1.0,
    capped: str = "both",
) -> Pieces:
    """A cone's side from `start` to `end`; `capped` closes "both" ends, "start", "end" or "none".

    `squash` makes the section oval: it scales the second axis of `vectors.frame`.
    """
    along = subtract(end, start)
    height = length(along)
    right, front = frame(scale(along, 1.0 / height))
    front = scale(front, squash)
    mean = _mean_radius(1.0, squash)
    slant = math.hypot(height, end_radius - start_radius)
    area = mean * TAU * (start_radius + end_radius) / 2.0 * slant
    side = Piece(Kind.RULED, start, along, right, front, start_radius, end_radius, 0.0, TAU, area)
    pieces = [side]
    for name, centre, radius in (("start", start, start_radius), ("end", end, end_radius)):
        if capped in (name, "both") and radius > 0.0:
            area = squash * math.pi * radius * radius
            pieces.append(
                Piece(Kind.RULED, centre, ZERO, right, front, 0.0, radius, 0.0, TAU, area)
            )
    return pieces


def cylinder(start: Vec, end: Vec, radius: float, capped: str = "both") -> Pieces:
    """A round cylinder from `start` to `end`."""
    return frustum(start, end, radius, radius, capped=capped)


def cone(base: Vec, tip: Vec, radius: float) -> Pieces:
    """A cone with its base disk."""
    return frustum(base, tip, radius, 0.0)


def disk(
    centre: Vec, normal: Vec, radius: float, inner: float = 0.0, squash: float = 1.0
) -> Pieces:
    """A flat disk, or a ring where `inner` is above 0; `squash` makes it oval."""
    right, front = frame(unit(normal))
    area = squash * math.pi * (radius * radius - inner * inner)
    front = scale(front, squash)
    return [Piece(Kind.RULED, centre, ZERO, right, front, inner, radius, 0.0, TAU, area)]


def sphere(centre: Vec, radius: float) -> Pieces:
    """A whole sphere."""
    return ellipsoid(centre, (radius, radius, radius))


def ellipsoid(centre: Vec, radii: Vec, low: float = -1.0, high: float = 1.0) -> Pieces:
    """An ellipsoid, or its zone between the relative heights `low` and `high` in [-1, 1].

    Area: Thomsen's formula (error below 1.1 %); a zone takes its share as on the sphere.
    """
    x, y, z = radii
    power = 1.6075
    mean = (((x * y) ** power + (x * z) ** power + (y * z) ** power) / 3.0) ** (1.0 / power)
    area = TAU * (high - low) * mean
    right, front = (x, 0.0, 0.0), (0.0, 0.0, z)
    return [Piece(Kind.SPHERE, centre, (0.0, y, 0.0), right, front, low, high, 0.0, TAU, area)]


def arc(
    centre: Vec, right: Vec, front: Vec, tube: float, angle: float = 0.0, sweep: float = TAU
) -> Pieces:
    """A bent tube of radius `tube` along the ellipse with the semi-axes `right` and `front`.

    It starts at `angle` (0 is at `right`, a quarter turn at `front`) and runs over `sweep`.
    """
    major = _mean_radius(length(right), length(front))
    rise = scale(unit(cross(right, front)), tube)
    area = sweep * TAU * major * tube
    return [Piece(Kind.TORUS, centre, rise, right, front, 1.0, tube / major, angle, sweep, area)]


def torus(centre: Vec, normal: Vec, major: float, minor: float) -> Pieces:
    """A ring of radius `major` around `normal`, made of a tube of radius `minor`."""
    right, front = frame(unit(normal))
    return arc(centre, scale(right, major), scale(front, major), minor)


def capsule(start: Vec, end: Vec, radius: float) -> Pieces:
    """A cylinder with round ends."""
    pieces = cylinder(start, end, radius, capped="none")
    rise = scale(unit(subtract(end, start)), radius)
    right, front = (scale(v, radius) for v in frame(unit(rise)))
    area = TAU * radius * radius
    for centre, low, high in ((start, -1.0, 0.0), (end, 0.0, 1.0)):
        pieces.append(Piece(Kind.SPHERE, centre, rise, right, front, low, high, 0.0, TAU, area))
    return pieces


def tube(path: Sequence[Vec], radius: float, end_radius: float | None = None) -> Pieces:
    """A round tube swept along the polyline `path`, tapering to `end_radius`; both ends closed."""
    last = len(path) - 1
    final = radius if end_radius is None else end_radius
    radii = [radius + (final - radius) * i / last for i in range(last + 1)]
    pieces: Pieces = []
    for i in range(last):
        capped = "start" if i == 0 else "end" if i == last - 1 else "none"
        pieces += frustum(path[i], path[i + 1], radii[i], radii[i + 1], capped=capped)
    return pieces


def helix(centre: Vec, radius: float, height: float, turns: float, thickness: float) -> Pieces:
    """A coil around the up axis, rising by `height` from `centre`."""
    num = max(4, round(turns * 12))
    path = [
        add(
            centre,
            (
                radius * math.cos(TAU * turns * i / num),
                height * i / num,
                radius * math.sin(TAU * turns * i / num),
            ),
        )
        for i in range(num + 1)
    ]
    return tube(path, thickness)


def revolve(profile: Profile, origin: Vec = ZERO, axis: Vec = UP) -> Pieces:
    """The surface of revolution of (radius, distance along the unit vector `axis`); open ends."""
    pieces: Pieces = []
    right, front = frame(axis)
    for (r0, y0), (r1, y1) in pairwise(profile):
        rise = scale(axis, y1 - y0)
        area = TAU * (r0 + r1) / 2.0 * math.hypot(y1 - y0, r1 - r0)
        start = add(origin, scale(axis, y0))
        pieces.append(Piece(Kind.RULED, start, rise, right, front, r0, r1, 0.0, TAU, area))
    return pieces


def _mean_radius(a: float, b: float) -> float:
    """Radius of the circle as long as the ellipse of semi-axes `a`, `b` (Ramanujan's formula)."""
    return (3.0 * (a + b) - math.sqrt((3.0 * a + b) * (a + 3.0 * b))) / 2.0
