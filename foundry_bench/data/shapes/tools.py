"""Hand tools: a handle and what it holds; some stand upright and some lie on the ground."""

import math

from foundry_bench.data.shapes.outlines import bezier, smooth, turned
from foundry_bench.data.shapes.primitives import (
    arc,
    bar,
    box,
    capsule,
    cone,
    cylinder,
    frustum,
    panel,
    plate,
    revolve,
    slab,
    torus,
    tube,
)
from foundry_bench.data.shapes.recipe import Dice, Recipe, Shape
from foundry_bench.data.shapes.vectors import ZERO


def hammer(dice: Dice) -> Shape:
    """A mallet, a sledge or a claw hammer."""
    height, thick = dice.between(1.0, 2.0), dice.between(0.05, 0.1)
    reach, radius = dice.between(0.2, 0.4), dice.between(0.1, 0.22)
    shape: Shape = {"handle": frustum(ZERO, (0.0, height, 0.0), thick * 1.2, thick, squash=0.7)}
    style = dice.pick(("mallet", "sledge", "claw"))
    if style == "mallet":
        shape["head"] = cylinder((-reach, height, 0.0), (reach, height, 0.0), radius)
    elif style == "sledge":
        shape["head"] = box((0.0, height, 0.0), (2.0 * reach, 1.7 * radius, 1.7 * radius))
    else:
        shape["head"] = cylinder((-0.1, height, 0.0), (reach, height, 0.0), radius * 0.8)
        shape["claw"] = []
        for z in (-0.1, 0.1):
            tip = (-0.2 - reach, height - 0.2, z)
            path = bezier((-0.1, height, z * 0.4), (-reach, height + 0.05, z * 0.6), tip, 4)
            shape["claw"] += tube(path, radius * 0.4, 0.03)
    if dice.chance(0.5):
        grip = height * dice.between(0.3, 0.45)
        shape["grip"] = frustum((0.0, -0.02, 0.0), (0.0, grip, 0.0), thick * 1.6, thick * 1.4)
    return _laid(dice, shape)


def axe(dice: Dice) -> Shape:
    """A flaring blade on one or both sides of a long handle."""
    height, thick = dice.between(1.2, 2.1), dice.between(0.05, 0.09)
    reach, edge = dice.between(0.3, 0.6), dice.between(0.45, 0.9)
    root = edge * dice.between(0.25, 0.55)
    shape: Shape = {"handle": frustum(ZERO, (0.0, height, 0.0), thick * 1.2, thick, squash=0.7)}
    middle = (0.0, height - root / 2.0 - 0.05, 0.0)
    along, across = (reach, dice.between(-0.1, 0.05), 0.0), (0.0, root, 0.0)
    shape["blade"] = slab(middle, along, across, (0.0, 0.0, 0.09), edge / root)
    if dice.chance(0.25):
        shape["blade"] += turned(shape["blade"], "y", math.pi)
    else:
        shape["poll"] = box((-0.1, middle[1], 0.0), (0.22, root, 0.13))
    if dice.chance(0.4):
        shape["knob"] = capsule((0.0, -0.05, 0.0), (0.0, 0.05, 0.0), thick * 1.8)
    return _laid(dice, shape)


def screwdriver(dice: Dice) -> Shape:
    """A fluted or smooth grip, a thin shaft and a flat or pointed tip."""
    grip, radius = dice.between(0.6, 1.0), dice.between(0.12, 0.24)
    shaft, thin = dice.between(0.5, 1.5), dice.between(0.03, 0.07)
    waist = radius * dice.between(0.5, 0.8)
    profile = [(radius * 0.6, 0.0), (radius, grip * 0.2), (radius, grip * 0.7), (waist, grip)]
    shape: Shape = {"grip": revolve(smooth([(0.01, -0.08), *profile]))}
    if dice.chance(0.5):
        shape["collar"] = cylinder((0.0, grip, 0.0), (0.0, grip + 0.1, 0.0), waist * 1.2)
    end = grip + shaft
    shape["shaft"] = cylinder((0.0, grip, 0.0), (0.0, end, 0.0), thin)
    if dice.chance(0.6):
        flat = thin * dice.between(2.5, 4.5)
        shape["tip"] = slab((0.0, end, 0.0), (0.0, 0.25, 0.0), (flat, 0.0, 0.0), (0.0, 0.0, thin))
    else:
        shape["tip"] = cone((0.0, end, 0.0), (0.0, end + 0.25, 0.0), thin * 1.6)
    return _laid(dice, shape)


def wrench(dice: Dice) -> Shape:
    """A flat shaft with an open jaw on one end and a ring or a second jaw on the other."""
    long, wide = dice.between(1.0, 1.8), dice.between(0.12, 0.25)
    thick = dice.between(0.04, 0.09)
    large, small = dice.between(0.16, 0.28), dice.between(0.1, 0.2)
    shape: Shape = {"shaft": bar(ZERO, (0.0, long, 0.0), wide, thick)}
    gap = dice.between(1.0, 1.8)
    tilt = dice.between(-0.4, 0.4)
    right, front = (large, 0.0, 0.0), (0.0, large, 0.0)
    centre = (0.0, long + large, 0.0)
    start, sweep = math.pi / 2.0 + tilt + gap / 2.0, math.tau - gap
    shape["jaw"] = arc(centre, right, front, thick, start, sweep)
    for side in (start, start + sweep):
        x, y = large * math.cos(side), large * math.sin(side)
        foot = (x, centre[1] + y, 0.0)
        tip = (foot[0] - 0.2 * math.sin(tilt), foot[1] + 0.2 * math.cos(tilt), 0.0)
        shape["jaw"] += bar(foot, tip, thick * 1.4)
    if dice.chance(0.6):
        shape["ring"] = torus((0.0, -small, 0.0), (0.0, 0.0, 1.0), small, thick * 0.8)
    else:
        right, front = (small, 0.0, 0.0), (0.0, small, 0.0)
        shape["jaw"] += arc((0.0, -small, 0.0), right, front, thick, gap / 2.0 - 1.57, sweep)
    return _laid(dice, shape)


def saw(dice: Dice) -> Shape:
    """A tapering blade with teeth and a closed handle."""
    long, wide = dice.between(1.2, 2.0), dice.between(0.3, 0.55)
    taper, grip = dice.between(0.3, 0.8), dice.between(0.15, 0.25)
    shape: Shape = {}
    shape["blade"] = slab(ZERO, (long, 0.0, 0.0), (0.0, wide, 0.0), (0.0, 0.0, 0.02), taper)
    num = dice.count(8, 14)
    slope = wide * (1.0 - taper) / 2.0
    shape["tooth"] = []
    for i in range(num):
        along = (i + 0.5) / num
        origin = (long * along, -wide / 2.0 + slope * along, 0.0)
        shape["tooth"] += panel(origin, (0.0, -0.09, 0.0), (long / num, 0.0, 0.0), 0.0)
    right, front = (grip, 0.0, 0.0), (0.0, wide * 0.6, 0.0)
    shape["handle"] = arc((-grip, 0.0, 0.0), right, front, dice.between(0.05, 0.08))
    return _laid(dice, shape)


def shovel(dice: Dice) -> Shape:
    """A pointed or square blade on a long shaft with a crossbar or a knob."""
    long, half = dice.between(1.2, 2.0), dice.between(0.18, 0.35)
    blade, neck = dice.between(0.4, 0.7), half * dice.between(0.7, 1.0)
    point = half * dice.pick((0.15, 0.9))
    profile = smooth([(point, 0.0), (half, blade * 0.4), (half, blade * 0.8), (neck, blade)])
    shape: Shape = {"blade": plate(profile, (0.0, -blade, 0.0), 0.04)}
    shape["blade"] = turned(shape["blade"], "x", dice.between(0.0, 0.35))
    shape["shaft"] = cylinder(ZERO, (0.0, long, 0.0), dice.between(0.04, 0.06))
    if dice.chance(0.6):
        width = dice.between(0.15, 0.28)
        shape["handle"] = cylinder((-width, long, 0.0), (width, long, 0.0), 0.05)
    else:
        shape["handle"] = capsule((0.0, long, 0.0), (0.0, long + 0.1, 0.0), 0.08)
    return _laid(dice, shape)


def _laid(dice: Dice, shape: Shape) -> Shape:
    """The shape as it is, or lying along x."""
    if dice.chance(0.65):
        return shape
    return {part: turned(pieces, "z", -math.pi / 2.0) for part, pieces in shape.items()}


TOOLS = (
    Recipe("hammer", hammer, ("handle", "head", "claw", "grip")),
    Recipe("axe", axe, ("handle", "blade", "poll", "knob")),
    Recipe("screwdriver", screwdriver, ("grip", "collar", "shaft", "tip")),
    Recipe("wrench", wrench, ("shaft", "jaw", "ring")),
    Recipe("saw", saw, ("blade", "tooth", "handle")),
    Recipe("shovel", shovel, ("blade", "shaft", "handle")),
)
