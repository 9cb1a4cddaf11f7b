"""Vectors of three Python floats; for single vectors these are faster than NumPy arrays."""

import math
from collections.abc import Iterator

Vec = tuple[float, float, float]

UP: Vec = (0.0, 1.0, 0.0)
ZERO: Vec = (0.0, 0.0, 0.0)


def add(a: Vec, b: Vec) -> Vec:
    """Sum of two vectors."""
    return (a[0] + b[0], a[1] + b[1], a[2] + b[2])


def subtract(a: Vec, b: Vec) -> Vec:
    """Difference `a - b`."""
    return (a[0] - b[0], a[1] - b[1], a[2] - b[2])


def scale(a: Vec, factor: float) -> Vec:
    """Multiple of a vector."""
    return (a[0] * factor, a[1] * factor, a[2] * factor)


def length(a: Vec) -> float:
    """Euclidean length."""
    return math.sqrt(a[0] * a[0] + a[1] * a[1] + a[2] * a[2])


def cross(a: Vec, b: Vec) -> Vec:
    """Cross product; its length is the area of the parallelogram of `a` and `b`."""
    return (
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    )


def unit(a: Vec) -> Vec:
    """The vector of length 1 in the direction of `a`."""
    return scale(a, 1.0 / length(a))


def frame(axis: Vec) -> tuple[Vec, Vec]:
    """Two unit vectors that are perpendicular to the unit vector `axis` and to each other.

    For a horizontal axis the second one is vertical.
    """
    if abs(axis[1]) > 0.999:
        right: Vec = (1.0, 0.0, 0.0)
        if axis[0] or axis[2]:
            right = unit(subtract(right, scale(axis, axis[0])))
    else:
        right = unit(cross(axis, UP))
    return right, cross(axis, right)


def around(num: int, radius: float, height: float, phase: float = 0.0) -> Iterator[Vec]:
    """`num` points evenly spaced on the horizontal circle of `radius` at `height`."""
    for i in range(num):
        angle = phase + math.tau * i / num
        yield (radius * math.cos(angle), height, radius * math.sin(angle))


def corners(half_x: float, half_z: float, height: float) -> Iterator[Vec]:
    """The four corners of a horizontal rectangle around the up axis at `height`."""
    for sign_x in (-1.0, 1.0):
        for sign_z in (-1.0, 1.0):
            yield (sign_x * half_x, height, sign_z * half_z)
