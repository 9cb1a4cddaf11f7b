"""Plants and a mushroom."""

import math

from foundry_bench.data.shapes.outlines import bezier, turned
from foundry_bench.data.shapes.primitives import (
    Pieces,
    capsule,
    cone,
    cylinder,
    disk,
    ellipsoid,
    frustum,
    panel,
    sphere,
    torus,
    tube,
)
from foundry_bench.data.shapes.recipe import Dice, Recipe, Shape
from foundry_bench.data.shapes.vectors import UP, ZERO, Vec, around


def tree(dice: Dice) -> Shape:
    """A conifer of stacked cones or a broad-leaved tree with a crown of balls."""
    trunk, thick = dice.between(0.5, 1.2), dice.between(0.06, 0.16)
    shape: Shape = {"trunk": frustum(ZERO, (0.0, trunk, 0.0), thick * 1.3, thick)}
    shape["crown"] = []
    if dice.chance(0.45):
        num, radius = dice.count(2, 4), dice.between(0.4, 0.75)
        tall = dice.between(0.4, 0.7)
        for i in range(num):
            base = trunk * 0.8 + tall * 0.6 * i
            shrink = 1.0 - 0.65 * i / num
            shape["crown"] += cone((0.0, base, 0.0), (0.0, base + tall, 0.0), radius * shrink)
        return shape
    num, reach = dice.count(3, 6), dice.between(0.2, 0.5)
    shape["branch"] = []
    for x, y, z in around(num, reach, trunk * 1.2, dice.between(0.0, 3.0)):
        top = (x, y + dice.between(0.0, 0.4), z)
        shape["branch"] += frustum((0.0, trunk * 0.8, 0.0), top, thick * 0.6, thick * 0.3)
        shape["crown"] += sphere(top, dice.between(0.2, 0.42))
    shape["crown"] += sphere((0.0, trunk * 1.45, 0.0), dice.between(0.3, 0.5))
    return shape


def potted_plant(dice: Dice) -> Shape:
    """Long leaves or round foliage on stems in a pot."""
    top, bottom = dice.between(0.28, 0.5), dice.between(0.18, 0.35)
    height, tall = dice.between(0.35, 0.7), dice.between(0.4, 1.0)
    shape: Shape = {"pot": frustum(ZERO, (0.0, height, 0.0), bottom, top)}
    if dice.chance(0.5):
        shape["pot"] += torus((0.0, height, 0.0), UP, top, 0.04)
    num, reach = dice.count(5, 9), dice.between(0.3, 0.7)
    centre = (0.0, height, 0.0)
    shape["leaf"] = []
    if dice.chance(0.6):
        for x, y, z in around(num, reach, height + tall):
            out, droop = dice.between(0.35, 0.75), dice.between(-0.1, 0.5)
            bend = (x * out, y, z * out)
            shape["leaf"] += _leaf(centre, bend, (x, y - droop, z), dice.between(0.12, 0.28))
    else:
        shape["stem"] = []
        for x, y, z in around(num, reach, height + tall * 0.7):
            tip = (x, y + dice.between(-0.1, 0.35), z)
            shape["stem"] += cylinder(centre, tip, 0.02)
            radii = (dice.between(0.12, 0.22), 0.05, dice.between(0.12, 0.22))
            shape["leaf"] += turned(ellipsoid(tip, radii), "z", dice.between(-0.9, 0.9), tip)
    return shape


def cactus(dice: Dice) -> Shape:
    """A column with raised arms, or a ribbed ball, at times in a pot or in bloom."""
    height, radius = dice.between(0.8, 1.7), dice.between(0.14, 0.3)
    shape: Shape = {"column": capsule(ZERO, (0.0, height, 0.0), radius)}
    shape["arm"] = []
    reach, phase = radius + dice.between(0.15, 0.35), dice.between(0.0, 3.0)
    for x, _, z in around(dice.count(1, 3), reach, 0.0, phase):
        low, rise = height * dice.between(0.25, 0.6), dice.between(0.25, 0.6)
        thick = radius * dice.between(0.45, 0.7)
        bend = (x, low, z)
        shape["arm"] += tube(bezier((0.0, low, 0.0), bend, (x, low + 0.25, z), 4), thick)
        shape["arm"] += capsule((x, low + 0.2, z), (x, low + 0.2 + rise, z), thick)
    if dice.chance(0.5):
        wide, deep = radius * dice.between(1.5, 2.2), dice.between(0.25, 0.5)
        shape["pot"] = frustum((0.0, -deep, 0.0), (0.0, 0.05, 0.0), wide * 0.7, wide)
    if dice.chance(0.4):
        shape["bloom"] = sphere((0.0, height + radius, 0.0), dice.between(0.07, 0.13))
    return shape


def mushroom(dice: Dice) -> Shape:
    """A cap, flat or bell-shaped, on a stem; at times with a ring below it."""
    height, thick = dice.between(0.4, 1.2), dice.between(0.08, 0.22)
    radius, dome = dice.between(0.35, 0.75), dice.between(0.2, 0.7)
    shape: Shape = {
        "stem": frustum(ZERO, (0.0, height, 0.0), thick * dice.between(1.0, 1.6), thick)
    }
    edge = dice.between(-0.35, 0.1)
    shape["cap"] = ellipsoid((0.0, height, 0.0), (radius, dome, radius), edge)
    inner = radius * math.sqrt(1.0 - edge * edge)
    shape["gills"] = disk((0.0, height + edge * dome, 0.0), UP, inner, thick)
    if dice.chance(0.4):
        low = height * dice.between(0.5, 0.75)
        start, end = (0.0, low, 0.0), (0.0, low + 0.1, 0.0)
        shape["ring"] = frustum(start, end, thick * 1.8, thick, capped="none")
    return shape


def flower(dice: Dice) -> Shape:
    """One bloom of petals around a disk on a long stem with leaves."""
    height, lean = dice.between(0.9, 1.7), dice.between(-0.25, 0.25)
    heart, petal = dice.between(0.08, 0.2), dice.between(0.2, 0.45)
    top = (lean, height, 0.0)
    shape: Shape = {"stem": tube(bezier(ZERO, (0.0, height * 0.6, 0.0), top), 0.03)}
    num, droop = dice.count(5, 10), dice.between(-0.15, 0.3)
    shape["petal"] = []
    for x, y, z in around(num, heart + petal, droop):
        tip = (x + lean, y + height, z)
        middle = (lean + x * 0.6, height + y + 0.05, z * 0.6)
        shape["petal"] += _leaf(top, middle, tip, math.tau * heart / num + 0.1)
    shape["heart"] = ellipsoid((lean, height + 0.02, 0.0), (heart, heart * 0.5, heart))
    if dice.chance(0.8):
        shape["leaf"] = []
        for x, y, z in around(dice.count(1, 3), 0.4, height * dice.between(0.3, 0.6)):
            foot = (0.0, height * 0.2, 0.0)
            shape["leaf"] += _leaf(foot, (x * 0.3, y, z * 0.3), (x, y, z), 0.16)
    tilt = dice.between(-0.5, 0.5)
    for part in ("petal", "heart"):
        shape[part] = turned(shape[part], "x", tilt, top)
    return shape


def _leaf(start: Vec, middle: Vec, end: Vec, width: float) -> Pieces:
    """A pointed blade that bends at `middle`, widest there and level across its width."""
    level = math.hypot(end[0] - start[0], end[2] - start[2])
    across = (-(end[2] - start[2]) / level * width, 0.0, (end[0] - start[0]) / level * width)
    pieces: Pieces = []
    for tip in (start, end):
        along = (tip[0] - middle[0], tip[1] - middle[1], tip[2] - middle[2])
        pieces += panel(middle, along, across, 0.15)
    return pieces


PLANTS = (
    Recipe("tree", tree, ("trunk", "crown", "branch")),
    Recipe("potted_plant", potted_plant, ("pot", "leaf", "stem")),
    Recipe("cactus", cactus, ("column", "arm", "pot", "bloom")),
    Recipe("mushroom", mushroom, ("stem", "cap", "gills", "ring")),
    Recipe("flower", flower, ("stem", "petal", "heart", "leaf")),
)
