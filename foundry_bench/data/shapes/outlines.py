"""Curves for profiles and paths, and rigid motions of pieces."""

import math
from collections.abc import Callable, Sequence

from foundry_bench.data.shapes.pieces import Piece
from foundry_bench.data.shapes.vectors import ZERO, Vec, add, subtract


def smooth(profile: Sequence[tuple[float, float]], steps: int = 4) -> list[tuple[float, float]]:
    """A Catmull-Rom curve through the points of `profile`, `steps` segments per interval.

    The first coordinate (a radius or half width) is kept above 0.01.
    """
    last = len(profile) - 1
    curve: list[tuple[float, float]] = []
    for i in range(last):
        p0, p1 = profile[max(i - 1, 0)], profile[i]
        p2, p3 = profile[i + 1], profile[min(i + 2, last)]
        for step in range(steps):
            t = step / steps
            x = _catmull_rom(p0[0], p1[0], p2[0], p3[0], t)
            curve.append((max(x, 0.01), _catmull_rom(p0[1], p1[1], p2[1], p3[1], t)))
    curve.append(profile[-1])
    return curve


def _catmull_rom(p0: float, p1: float, p2: float, p3: float, t: float) -> float:
    """The spline's value between `p1` (t = 0) and `p2` (t = 1)."""
    linear = p2 - p0
    square = 2.0 * p0 - 5.0 * p1 + 4.0 * p2 - p3
    cube = 3.0 * (p1 - p2) + p3 - p0
    return p1 + 0.5 * t * (linear + t * (square + t * cube))


def bezier(start: Vec, control: Vec, end: Vec, num: int = 6) -> list[Vec]:
    """`num + 1` points of the quadratic curve from `start` to `end`, drawn to `control`."""
    path: list[Vec] = []
    for i in range(num + 1):
        t = i / num
        a, b, c = (1.0 - t) ** 2, 2.0 * t * (1.0 - t), t * t
        x, y, z = (a * p + b * q + c * r for p, q, r in zip(start, control, end, strict=True))
        path.append((x, y, z))
    return path


def turned(pieces: list[Piece], axis: str, angle: float, about: Vec = ZERO) -> list[Piece]:
    """The pieces turned by `angle` (radians) around the `axis` "x", "y" or "z" through `about`."""
    cos, sin = math.cos(angle), math.sin(angle)

    def turn_x(v: Vec) -> Vec:
        return (v[0], cos * v[1] - sin * v[2], sin * v[1] + cos * v[2])

    def turn_y(v: Vec) -> Vec:
        return (cos * v[0] + sin * v[2], v[1], cos * v[2] - sin * v[0])

    def turn_z(v: Vec) -> Vec:
        return (cos * v[0] - sin * v[1], sin * v[0] + cos * v[1], v[2])

    turn = {"x": turn_x, "y": turn_y, "z": turn_z}[axis]
    return _moved(pieces, turn, lambda point: add(turn(subtract(point, about)), about))


def mirrored(pieces: list[Piece]) -> list[Piece]:
    """The pieces and their mirror images in the plane z = 0."""

    def flip(v: Vec) -> Vec:
        return (v[0], v[1], -v[2])

    return pieces + _moved(pieces, flip, flip)


def _moved(
    pieces: list[Piece], turn: Callable[[Vec], Vec], place: Callable[[Vec], Vec]
) -> list[Piece]:
    """Applies `turn` to the directions and `place` to the origins."""
    return [
        piece._replace(
            origin=place(piece.origin),
            rise=turn(piece.rise),
            right=turn(piece.right),
            front=turn(piece.front),
        )
        for piece in pieces
    ]
