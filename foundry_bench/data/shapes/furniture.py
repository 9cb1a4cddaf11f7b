"""Furniture, with pairs that are easily confused: chair, stool and sofa; table, desk and bench."""

import math

from foundry_bench.data.shapes.outlines import turned
from foundry_bench.data.shapes.primitives import (
    Pieces,
    arc,
    bar,
    box,
    cylinder,
    disk,
    ellipsoid,
    frustum,
    torus,
    tube,
)
from foundry_bench.data.shapes.recipe import Dice, Recipe, Shape
from foundry_bench.data.shapes.vectors import around, corners


def chair(dice: Dice) -> Shape:
    """Seat, legs and a back of slats or a board, at times with armrests."""
    width, depth = dice.between(0.75, 1.25), dice.between(0.75, 1.15)
    height, thick = dice.between(0.6, 1.3), dice.between(0.05, 0.25)
    back, lean = dice.between(0.6, 1.5), dice.between(0.0, 0.35)
    shape: Shape = {"seat": box((0.0, height, 0.0), (depth, thick, width))}
    shape["leg"] = _support(dice, depth / 2.0, width / 2.0, height - thick / 2.0)
    shape["back"] = turned(
        _back(dice, width, height, back, -depth / 2.0), "z", lean, (-depth / 2.0, height, 0.0)
    )
    if dice.chance(0.35):
        rest = height + dice.between(0.3, 0.55)
        shape["armrest"] = []
        for z in (-width / 2.0, width / 2.0):
            shape["armrest"] += bar((-depth / 2.0, rest, z), (depth * 0.4, rest, z), 0.1, 0.06)
            shape["armrest"] += bar((depth * 0.35, height, z), (depth * 0.35, rest, z), 0.06)
    return shape


def stool(dice: Dice) -> Shape:
    """Seat and legs of any height, at times a foot rest or a back too low to lean on."""
    radius, height = dice.between(0.35, 0.6), dice.between(0.5, 1.8)
    thick = dice.between(0.05, 0.25)
    if dice.chance(0.6):
        seat = cylinder((0.0, height - thick / 2.0, 0.0), (0.0, height + thick / 2.0, 0.0), radius)
    else:
        seat = box((0.0, height, 0.0), (radius * 2.0, thick, radius * dice.between(1.5, 2.2)))
    shape: Shape = {"seat": seat}
    shape["leg"] = _support(dice, radius * 0.75, radius * 0.75, height - thick / 2.0)
    if dice.chance(0.5):
        shape["footrest"] = torus((0.0, height * 0.35, 0.0), (0.0, 1.0, 0.0), radius * 0.8, 0.03)
    if dice.chance(0.25):
        rest = dice.between(0.2, 0.4)
        shape["back"] = box((-radius * 0.9, height + rest / 2.0, 0.0), (0.06, rest, radius * 1.6))
    return shape


def sofa(dice: Dice) -> Shape:
    """A padded seat between wide armrests, for one to three people."""
    width, depth = dice.between(0.8, 2.6), dice.between(0.8, 1.1)
    seat, back = dice.between(0.3, 0.55), dice.between(0.4, 0.9)
    arm, rise = dice.between(0.12, 0.35), dice.between(0.15, 0.4)
    shape: Shape = {"seat": box((0.0, seat / 2.0, 0.0), (depth, seat, width))}
    centre = (-depth / 2.0 + 0.12, seat + back / 2.0, 0.0)
    shape["back"] = turned(box(centre, (0.24, back, width)), "z", dice.between(0.0, 0.25), centre)
    sides: Pieces = []
    for z in (-(width + arm) / 2.0, (width + arm) / 2.0):
        top = seat + rise
        sides += box((0.0, top / 2.0, z), (depth, top, arm))
        if dice.chance(0.3):
            sides += cylinder((-depth / 2.0, top, z), (depth / 2.0, top, z), arm * 0.6)
    shape["armrest"] = sides
    num = dice.count(1, 3)
    if dice.chance(0.6):
        shape["cushion"] = []
        for i in range(num):
            z = width * ((i + 0.5) / num - 0.5)
            radii = (depth * 0.42, 0.13, width / num * 0.46)
            shape["cushion"] += ellipsoid((0.08, seat + 0.05, z), radii)
    if dice.chance(0.7):
        shape["foot"] = []
        for x, _, z in corners(depth * 0.42, width * 0.45, 0.0):
            shape["foot"] += cylinder((x, -0.15, z), (x, 0.0, z), 0.05)
    return shape


def bench(dice: Dice) -> Shape:
    """A long narrow seat of planks on two or more supports, at times with a back."""
    width, depth = dice.between(1.5, 3.2), dice.between(0.35, 0.75)
    height, num = dice.between(0.45, 0.95), dice.count(1, 4)
    plank = depth / num
    shape: Shape = {"seat": []}
    for i in range(num):
        x = depth * ((i + 0.5) / num - 0.5)
        shape["seat"] += box((x, height, 0.0), (plank * 0.85, 0.08, width))
    if dice.chance(0.5):
        shape["leg"] = _support(dice, depth * 0.45, width * 0.42, height - 0.04, pedestal=False)
    else:
        shape["leg"] = []
        for z in (-width * 0.38, width * 0.38):
            shape["leg"] += box((0.0, height / 2.0, z), (depth * 0.85, height, 0.12))
    if dice.chance(0.45):
        rest = dice.between(0.35, 0.75)
        shape["back"] = turned(
            _back(dice, width, height, rest, -depth / 2.0), "z", 0.2, (-depth / 2.0, height, 0.0)
        )
    return shape


def table(dice: Dice) -> Shape:
    """A round, oval or rectangular top on legs or a pedestal."""
    half_x, half_z = dice.between(0.45, 0.9), dice.between(0.5, 1.5)
    height, thick = dice.between(0.4, 1.3), dice.between(0.04, 0.16)
    shape: Shape = {}
    if dice.chance(0.4):
        low, high = (0.0, height, 0.0), (0.0, height + thick, 0.0)
        shape["top"] = frustum(low, high, half_x, half_x, squash=dice.pick((1.0, 1.0, 1.5)))
        half_z = half_x
    else:
        shape["top"] = box((0.0, height + thick / 2.0, 0.0), (half_x * 2.0, thick, half_z * 2.0))
    inset = dice.between(0.55, 0.95)
    shape["leg"] = _support(dice, half_x * inset, half_z * inset, height)
    if dice.chance(0.3):
        shape["stretcher"] = []
        rung = height * dice.between(0.15, 0.4)
        for x in (-half_x * inset, half_x * inset):
            reach = half_z * inset
            shape["stretcher"] += bar((x, rung, -reach), (x, rung, reach), 0.05)
    return shape


def desk(dice: Dice) -> Shape:
    """A table with a block of drawers on one or both sides, at times with a panel or a hutch."""
    half_x, half_z = dice.between(0.4, 0.65), dice.between(0.7, 1.3)
    height, block = dice.between(0.7, 1.1), dice.between(0.35, 0.6)
    deep = height * dice.between(0.4, 1.0)
    shape: Shape = {"top": box((0.0, height, 0.0), (half_x * 2.0, 0.08, half_z * 2.0))}
    sides = dice.pick(((-1.0,), (1.0,), (-1.0, 1.0)))
    shape["drawer"], shape["leg"] = [], []
    for side in sides:
        z = side * (half_z - block / 2.0)
        shape["drawer"] += box((0.0, height - deep / 2.0, z), (half_x * 1.8, deep, block))
        for i in range(dice.count(2, 4)):
            y = height - deep * (i + 0.5) / 4.0
            shape["drawer"] += bar((half_x * 0.95, y, z - 0.08), (half_x * 0.95, y, z + 0.08), 0.04)
    for x, _, z in corners(half_x * 0.85, half_z * 0.92, 0.0):
        shape["leg"] += bar((x, 0.0, z), (x, height, z), 0.07)
    if dice.chance(0.4):
        shape["panel"] = box(
            (-half_x * 0.9, height * 0.65, 0.0), (0.05, height * 0.6, half_z * 1.8)
        )
    if dice.chance(0.3):
        rise = dice.between(0.3, 0.6)
        shape["hutch"] = box((-half_x * 0.7, height + rise / 2.0, 0.0), (0.25, rise, half_z * 1.9))
    return shape


def bed(dice: Dice) -> Shape:
    """A mattress on a frame with a headboard, at times pillows and a footboard."""
    long, wide = dice.between(1.7, 2.3), dice.between(0.8, 2.0)
    height, thick = dice.between(0.2, 0.6), dice.between(0.15, 0.35)
    head = dice.between(0.3, 0.9)
    shape: Shape = {"mattress": box((0.0, height + thick / 2.0, 0.0), (long, thick, wide * 0.95))}
    shape["frame"] = box((0.0, height - 0.06, 0.0), (long * 1.02, 0.12, wide))
    for x, _, z in corners(long * 0.48, wide * 0.46, 0.0):
        shape["frame"] += bar((x, 0.0, z), (x, height, z), 0.09)
    top = height + thick + head
    shape["headboard"] = box((-long / 2.0, top / 2.0 + 0.1, 0.0), (0.08, top - 0.2, wide))
    if dice.chance(0.4):
        foot = height + thick + dice.between(0.0, 0.25)
        shape["footboard"] = box((long / 2.0, foot / 2.0 + 0.1, 0.0), (0.08, foot - 0.2, wide))
    if dice.chance(0.75):
        num = 1 if wide < 1.2 else 2
        shape["pillow"] = []
        for i in range(num):
            z = wide * ((i + 0.5) / num - 0.5)
            centre = (-long * 0.4, height + thick + 0.06, z)
            shape["pillow"] += ellipsoid(centre, (0.2, 0.1, wide / num * 0.38))
    return shape


def shelf(dice: Dice) -> Shape:
    """Boards between two sides, open or with a back."""
    width, depth = dice.between(0.6, 1.6), dice.between(0.25, 0.5)
    height, num = dice.between(0.9, 2.2), dice.count(3, 6)
    shape: Shape = {"board": [], "side": []}
    for i in range(num):
        y = 0.08 + (height - 0.12) * i / (num - 1)
        shape["board"] += box((0.0, y, 0.0), (depth, 0.05, width))
    for z in (-width / 2.0, width / 2.0):
        if dice.chance(0.7):
            shape["side"] += box((0.0, height / 2.0, z), (depth, height, 0.05))
        else:
            for x in (-depth / 2.0, depth / 2.0):
                shape["side"] += bar((x, 0.0, z), (x, height, z), 0.06)
    if dice.chance(0.4):
        shape["back"] = box((-depth / 2.0, height / 2.0, 0.0), (0.03, height, width))
    if dice.chance(0.35):
        shape["door"] = box((depth / 2.0, height / 4.0, 0.0), (0.04, height / 2.2, width * 0.95))
    return shape


def lamp(dice: Dice) -> Shape:
    """A shade on a pole: a floor lamp, a table lamp, or one that leans out on an arc."""
    height, base = dice.between(0.6, 2.2), dice.between(0.22, 0.45)
    top, wide = dice.between(0.1, 0.35), dice.between(0.3, 0.6)
    drop = dice.between(0.25, 0.6)
    shape: Shape = {"base": frustum((0.0, 0.0, 0.0), (0.0, 0.1, 0.0), base, base * 0.8)}
    x = 0.0
    if dice.chance(0.3):
        x = dice.between(0.5, 0.9)
        shape["pole"] = tube([(0.0, 0.1, 0.0), (0.0, height - x / 2.0, 0.0)], 0.04)
        centre = (x / 2.0, height - x / 2.0, 0.0)
        shape["pole"] += arc(centre, (x / 2.0, 0.0, 0.0), (0.0, x / 2.0, 0.0), 0.04, 0.0, math.pi)
        height -= x / 2.0
    else:
        shape["pole"] = cylinder((0.0, 0.1, 0.0), (0.0, height, 0.0), 0.045)
    if dice.chance(0.75):
        low, high = (x, height - drop / 2.0, 0.0), (x, height + drop / 2.0, 0.0)
        shape["shade"] = frustum(low, high, wide, top, capped="none")
    else:
        shape["shade"] = ellipsoid((x, height, 0.0), (wide * 0.8, drop * 0.7, wide * 0.8))
    if dice.chance(0.5):
        shape["bulb"] = ellipsoid((x, height, 0.0), (0.09, 0.13, 0.09))
    return shape


def _support(
    dice: Dice, half_x: float, half_z: float, height: float, *, pedestal: bool = True
) -> Pieces:
    """Four straight or splayed legs, a pedestal with feet, or two frames, from 0 to `height`."""
    thick = dice.between(0.03, 0.08)
    style = dice.pick(("round", "square", "pedestal" if pedestal else "square", "frame"))
    pieces: Pieces = []
    if style == "pedestal":
        pieces += cylinder((0.0, 0.0, 0.0), (0.0, height, 0.0), thick * 1.5)
        if dice.chance(0.5):
            pieces += disk((0.0, 0.0, 0.0), (0.0, 1.0, 0.0), min(half_x, half_z) * 0.9)
        else:
            for tip in around(dice.count(3, 5), min(half_x, half_z), 0.0):
                pieces += bar((0.0, 0.08, 0.0), tip, thick * 1.4)
        return pieces
    splay = dice.between(0.8, 1.25)
    for x, y, z in corners(half_x * 0.9, half_z * 0.9, height):
        foot = (x * splay, 0.0, z * splay)
        if style == "round":
            pieces += frustum(foot, (x, y, z), thick * 0.8, thick)
        else:
            pieces += bar(foot, (x, y, z), thick * 1.6)
    if style == "frame":
        reach = half_x * 0.9 * splay
        for z in (-half_z * 0.9 * splay, half_z * 0.9 * splay):
            pieces += bar((-reach, 0.0, z), (reach, 0.0, z), thick * 1.6)
    return pieces


def _back(dice: Dice, width: float, height: float, rise: float, x: float) -> Pieces:
    """A board, upright slats or horizontal slats over the edge of a seat."""
    style = dice.pick(("board", "upright", "horizontal"))
    if style == "board":
        return box((x, height + rise / 2.0, 0.0), (0.07, rise, width))
    pieces = bar((x, height + rise, -width / 2.0), (x, height + rise, width / 2.0), 0.07, 0.12)
    for z in (-width / 2.0, width / 2.0):
        pieces += bar((x, height, z), (x, height + rise, z), 0.08)
    num = dice.count(2, 5)
    for i in range(1, num):
        if style == "upright":
            z = width * (i / num - 0.5)
            pieces += bar((x, height, z), (x, height + rise, z), 0.05)
        else:
            y = height + rise * i / num
            pieces += bar((x, y, -width / 2.0), (x, y, width / 2.0), 0.05, 0.1)
    return pieces


FURNITURE = (
    Recipe("chair", chair, ("seat", "leg", "back", "armrest")),
    Recipe("stool", stool, ("seat", "leg", "footrest", "back")),
    Recipe("sofa", sofa, ("seat", "back", "armrest", "cushion", "foot")),
    Recipe("bench", bench, ("seat", "leg", "back")),
    Recipe("table", table, ("top", "leg", "stretcher")),
    Recipe("desk", desk, ("top", "drawer", "leg", "panel", "hutch")),
    Recipe("bed", bed, ("mattress", "frame", "headboard", "footboard", "pillow")),
    Recipe("shelf", shelf, ("board", "side", "back", "door")),
    Recipe("lamp", lamp, ("base", "pole", "shade", "bulb")),
)
