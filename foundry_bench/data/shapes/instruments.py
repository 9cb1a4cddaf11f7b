"""Musical instruments; guitar and violin are alike on purpose."""

import math

from foundry_bench.data.shapes.outlines import smooth, turned
from foundry_bench.data.shapes.primitives import (
    Pieces,
    arc,
    bar,
    box,
    cylinder,
    disk,
    frustum,
    helix,
    plate,
    revolve,
    torus,
    tube,
)
from foundry_bench.data.shapes.recipe import Dice, Recipe, Shape
from foundry_bench.data.shapes.vectors import UP, ZERO, around


def guitar(dice: Dice) -> Shape:
    """A waisted body with a long neck and a flat head; a thin body may have horns."""
    lower, upper = dice.between(0.38, 0.55), dice.between(0.28, 0.42)
    tall, deep = dice.between(0.85, 1.2), dice.between(0.08, 0.3)
    neck, waist = dice.between(0.9, 1.4), dice.between(0.6, 0.95)
    shape = _strings(dice, lower, upper, tall, deep, neck, waist * min(lower, upper))
    top = tall + neck
    shape["head"] = box((0.0, top + 0.14, 0.0), (dice.between(0.13, 0.22), 0.3, 0.05))
    if dice.chance(0.6):
        shape["peg"] = []
        for i in range(3):
            y = top + 0.05 + 0.09 * i
            shape["peg"] += cylinder((-0.16, y, 0.0), (0.16, y, 0.0), 0.02)
    if deep > 0.15:
        shape["hole"] = torus((0.0, tall * 0.62, deep / 2.0), (0.0, 0.0, 1.0), 0.13, 0.02)
    return shape


def violin(dice: Dice) -> Shape:
    """A narrow-waisted body with a short neck, a curled scroll, a bridge and often a bow."""
    lower, upper = dice.between(0.3, 0.46), dice.between(0.24, 0.38)
    tall, deep = dice.between(0.9, 1.2), dice.between(0.1, 0.22)
    neck, waist = dice.between(0.5, 0.9), dice.between(0.45, 0.75)
    shape = _strings(dice, lower, upper, tall, deep, neck, waist * min(lower, upper))
    shape["bridge"] = box((0.0, tall * 0.45, deep / 2.0 + 0.08), (0.2, 0.03, 0.16))
    top = tall + neck
    shape["scroll"] = torus((0.0, top + 0.06, -0.05), (1.0, 0.0, 0.0), 0.07, 0.04)
    if dice.chance(0.5):
        x, low = dice.between(0.55, 0.75), dice.between(-0.1, 0.4)
        shape["bow"] = cylinder((x, low, 0.0), (x, low + 1.5, 0.0), 0.025)
        shape["bow"] += bar((x - 0.08, low, 0.0), (x - 0.08, low + 1.5, 0.0), 0.02)
    return shape


def drum(dice: Dice) -> Shape:
    """A shell with two heads and hoops, upright or on its side, at times on legs or with sticks."""
    radius, height = dice.between(0.4, 0.8), dice.between(0.3, 1.4)
    waist = radius * dice.between(0.65, 1.15)
    profile = smooth([(radius, 0.0), (waist, height / 2.0), (radius, height)])
    shape: Shape = {"shell": revolve(profile), "skin": [], "hoop": []}
    for y in (0.0, height):
        shape["skin"] += disk((0.0, y, 0.0), UP, radius)
        shape["hoop"] += torus((0.0, y, 0.0), UP, radius, dice.between(0.02, 0.05))
    if dice.chance(0.35):
        shape["leg"] = []
        for x, y, z in around(3, radius, height * 0.4):
            foot = (x * 1.3, y - height * 0.4 - dice.between(0.3, 0.7), z * 1.3)
            shape["leg"] += cylinder((x, y, z), foot, 0.035)
    if dice.chance(0.4):
        shape["stick"] = []
        for z in (-0.15, 0.15):
            end = (radius * 1.2, height + dice.between(0.15, 0.4), z * 3.0)
            shape["stick"] += cylinder((-radius * 0.3, height + 0.05, z), end, 0.03)
    if dice.chance(0.2):
        shape = {part: turned(pieces, "z", math.pi / 2.0) for part, pieces in shape.items()}
    return shape


def trumpet(dice: Dice) -> Shape:
    """A tube folded once, with a flaring bell, three valves and a mouthpiece."""
    long, flare = dice.between(1.2, 1.8), dice.between(0.25, 0.45)
    drop, thick = dice.between(0.22, 0.4), dice.between(0.03, 0.055)
    bell = dice.between(0.4, 0.7)
    profile = [(thick, 0.0), (thick * 1.6, bell * 0.6), (flare * 0.5, bell * 0.9), (flare, bell)]
    shape: Shape = {"bell": revolve(smooth(profile), (long / 2.0, 0.0, 0.0), (1.0, 0.0, 0.0))}
    pipes: Pieces = cylinder((-long * 0.3, 0.0, 0.0), (long / 2.0, 0.0, 0.0), thick)
    pipes += cylinder((-long * 0.3, -drop, 0.0), (long * 0.4, -drop, 0.0), thick)
    for x, turn in ((-long * 0.3, math.pi / 2.0), (long * 0.4, -math.pi / 2.0)):
        centre = (x, -drop / 2.0, 0.0)
        right, front = (drop / 2.0, 0.0, 0.0), (0.0, drop / 2.0, 0.0)
        pipes += arc(centre, right, front, thick, turn, math.pi)
    lead = (-long * 0.75, -drop * 0.1, 0.08)
    pipes += tube([(long * 0.4, -drop * 0.1, 0.08), lead], thick)
    shape["pipe"] = pipes
    shape["mouthpiece"] = frustum(lead, (lead[0] - 0.16, lead[1], lead[2]), 0.03, 0.09)
    shape["valve"] = []
    num, space = dice.count(2, 4), dice.between(0.14, 0.18)
    for i in range(num):
        x = space * (i - (num - 1) / 2.0)
        shape["valve"] += cylinder((x, -drop * 1.2, 0.0), (x, drop * 0.4, 0.0), 0.065)
    return shape


def bell(dice: Dice) -> Shape:
    """A flaring bell with a clapper and a handle, a ring or a spring to hang it by."""
    radius, height = dice.between(0.4, 0.75), dice.between(0.6, 1.1)
    shoulder, lip = radius * dice.between(0.4, 0.65), dice.between(0.1, 0.3)
    profile = [(radius + lip * 0.5, 0.0), (radius * 0.8, height * 0.3), (shoulder, height * 0.85)]
    shape: Shape = {"body": revolve(smooth([*profile, (0.05, height)]))}
    drop = dice.between(-0.15, 0.15)
    shape["clapper"] = cylinder((0.0, height * 0.9, 0.0), (0.0, drop, 0.0), 0.03)
    shape["clapper"] += revolve(smooth([(0.01, -0.1), (0.1, 0.0), (0.01, 0.1)]), (0.0, drop, 0.0))
    style = dice.pick(("handle", "ring", "spring"))
    if style == "handle":
        tall = dice.between(0.4, 0.8)
        profile = [(0.06, 0.0), (0.1, tall * 0.6), (0.04, tall)]
        shape["handle"] = revolve(smooth(profile), (0.0, height, 0.0))
    elif style == "ring":
        size = dice.between(0.12, 0.22)
        shape["ring"] = torus((0.0, height + size, 0.0), (0.0, 0.0, 1.0), size, 0.04)
    else:
        shape["spring"] = helix((0.0, height, 0.0), 0.14, dice.between(0.4, 0.8), 3.0, 0.03)
    return shape


def _strings(
    dice: Dice, lower: float, upper: float, tall: float, deep: float, neck: float, waist: float
) -> Shape:
    """The body and neck that guitar and violin share."""
    profile = [
        (lower * 0.35, 0.0), (lower * 0.9, tall * 0.08), (lower, tall * 0.27), (waist, tall * 0.58),
        (upper, tall * 0.82), (upper * 0.7, tall * 0.95), (upper * 0.3, tall),
    ]  # fmt: skip
    shape: Shape = {"body": plate(smooth(profile, steps=3), ZERO, deep)}
    thick = dice.between(0.08, 0.13)
    z = deep / 2.0
    shape["neck"] = bar((0.0, tall * 0.7, z), (0.0, tall + neck, 0.0), thick, 0.06)
    return shape


INSTRUMENTS = (
    Recipe("guitar", guitar, ("body", "neck", "head", "peg", "hole")),
    Recipe("violin", violin, ("body", "neck", "bridge", "scroll", "bow")),
    Recipe("drum", drum, ("shell", "skin", "hoop", "leg", "stick")),
    Recipe("trumpet", trumpet, ("bell", "pipe", "valve", "mouthpiece")),
    Recipe("bell", bell, ("body", "clapper", "handle", "ring", "spring")),
)
