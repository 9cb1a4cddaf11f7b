"""Vehicles; all face +x."""

import math

from foundry_bench.data.shapes.outlines import mirrored, smooth, turned
from foundry_bench.data.shapes.primitives import (
    Pieces,
    bar,
    box,
    cone,
    cylinder,
    disk,
    ellipsoid,
    frustum,
    panel,
    revolve,
    slab,
    tapered_box,
    torus,
    tube,
)
from foundry_bench.data.shapes.recipe import Dice, Recipe, Shape
from foundry_bench.data.shapes.vectors import UP, ZERO, Vec, corners

AHEAD: Vec = (1.0, 0.0, 0.0)
SIDE: Vec = (0.0, 0.0, 1.0)


def car(dice: Dice) -> Shape:
    """A body with a cabin of sloping windows on four wheels."""
    long, wide = dice.between(1.7, 2.5), dice.between(0.75, 1.05)
    high, roof = dice.between(0.3, 0.5), dice.between(0.3, 0.5)
    cabin, shift = long * dice.between(0.45, 0.7), dice.between(-0.25, 0.05)
    radius = dice.between(0.18, 0.28)
    shape: Shape = {}
    base = (0.0, radius * 0.8, 0.0)
    shape["body"] = tapered_box(base, (long, wide), (long * 0.94, wide * 0.96), high)
    shape["cabin"] = tapered_box(
        (shift, radius * 0.8 + high, 0.0), (cabin, wide * 0.9),
        (cabin * dice.between(0.5, 0.9), wide * 0.75), roof, dice.between(-0.15, 0.05),
    )  # fmt: skip
    shape["wheel"] = []
    for x, y, z in corners(long * 0.32, wide * 0.45, radius):
        shape["wheel"] += _wheel((x, y, z), radius, 0.16)
    if dice.chance(0.25):
        x = -long * 0.46
        shape["spoiler"] = box((x, radius * 0.8 + high + 0.18, 0.0), (0.16, 0.04, wide * 0.9))
    return shape


def truck(dice: Dice) -> Shape:
    """A cab before a load: a closed box, a tank or an open bed."""
    long, wide = dice.between(1.4, 2.6), dice.between(0.75, 1.0)
    cab, tall = dice.between(0.4, 0.7), dice.between(0.6, 1.0)
    load, radius = dice.between(0.6, 1.1), dice.between(0.18, 0.26)
    floor = radius * 1.4
    shape: Shape = {"wheel": [], "chassis": bar((-long, floor, 0.0), (cab, floor, 0.0), 0.5, 0.1)}
    shape["cab"] = tapered_box((cab / 2.0, floor, 0.0), (cab, wide), (cab * 0.75, wide * 0.9), tall)
    style = dice.pick(("closed", "tank", "open"))
    if style == "closed":
        centre = (-long / 2.0 - 0.05, floor + load / 2.0 + 0.05, 0.0)
        shape["load"] = box(centre, (long, load, wide))
    elif style == "tank":
        y = floor + 0.05 + load / 2.0
        shape["load"] = cylinder((-long, y, 0.0), (-0.08, y, 0.0), load / 2.0)
    else:
        wall = load * 0.4
        shape["load"] = box((-long / 2.0 - 0.05, floor + 0.08, 0.0), (long, 0.06, wide))
        for z in (-wide / 2.0, wide / 2.0):
            shape["load"] += box((-long / 2.0 - 0.05, floor + wall / 2.0, z), (long, wall, 0.05))
    rears = dice.count(1, 2)
    for x in [cab * 0.5, *(-long * 0.85 + i * 2.3 * radius for i in range(rears))]:
        for z in (-wide * 0.45, wide * 0.45):
            shape["wheel"] += _wheel((x, radius, z), radius, 0.16)
    return shape


def airplane(dice: Dice) -> Shape:
    """A slender fuselage with wings, tail planes and fin; two engines or a propeller."""
    long, radius = dice.between(1.8, 2.6), dice.between(0.1, 0.22)
    span, chord = dice.between(0.8, 1.5), dice.between(0.3, 0.6)
    sweep, level = dice.between(0.0, 0.8), dice.between(-0.6, 0.8) * radius
    half = long / 2.0
    profile = [(0.02, -half), (radius * 0.7, -half * 0.5), (radius, 0.0), (radius, half * 0.6)]
    shape: Shape = {"fuselage": revolve(smooth([*profile, (0.02, half)]), ZERO, AHEAD)}
    lift = dice.between(0.0, 0.2)
    wing = slab((0.15, level, 0.0), (-sweep, lift, span), (chord, 0.0, 0.0), (0.0, 0.05, 0.0), 0.45)
    shape["wing"] = mirrored(wing)
    tail, fin = -half * 0.88, dice.between(0.3, 0.55)
    stabiliser = (-sweep * 0.4, 0.0, span * 0.35)
    height = fin * dice.pick((0.0, 0.0, 0.95))
    shape["tailplane"] = mirrored(
        slab((tail, height, 0.0), stabiliser, (chord * 0.6, 0.0, 0.0), (0.0, 0.03, 0.0), 0.5)
    )
    shape["fin"] = slab((tail, 0.0, 0.0), (-0.2, fin, 0.0), (0.4, 0.0, 0.0), (0.0, 0.0, 0.04), 0.6)
    if dice.chance(0.65):
        z = span * dice.between(0.3, 0.5)
        y, x = level - 0.12, 0.2 - sweep * 0.4
        shape["engine"] = mirrored(cylinder((x - 0.15, y, z), (x + 0.2, y, z), 0.085))
    elif dice.chance(0.5):
        blade = dice.between(0.25, 0.4)
        shape["engine"] = box((half, 0.0, 0.0), (0.03, 2.0 * blade, 0.07))
    return shape


def helicopter(dice: Dice) -> Shape:
    """A round cabin with a tail boom, rotor blades above, a tail rotor and skids."""
    long, high = dice.between(0.45, 0.75), dice.between(0.3, 0.45)
    boom, blade = dice.between(0.9, 1.5), dice.between(0.9, 1.5)
    shape: Shape = {"cabin": ellipsoid(ZERO, (long, high, high * dice.between(0.8, 1.1)))}
    rear = (-long * 0.7 - boom, high * 0.35, 0.0)
    shape["boom"] = frustum((-long * 0.7, high * 0.15, 0.0), rear, high * 0.4, 0.05)
    shape["boom"] += slab(rear, (-0.1, 0.3, 0.0), (0.2, 0.0, 0.0), (0.0, 0.0, 0.04), 0.6)
    top = high + dice.between(0.1, 0.25)
    shape["rotor"] = cylinder((0.0, high * 0.8, 0.0), (0.0, top, 0.0), 0.05)
    num, phase = dice.count(2, 5), dice.between(0.0, math.pi)
    for i in range(num):
        wing = slab((0.0, top, 0.0), (blade, 0.0, 0.0), (0.0, 0.0, 0.11), (0.0, 0.02, 0.0))
        shape["rotor"] += turned(wing, "y", phase + math.tau * i / num)
    if dice.chance(0.8):
        shape["tail_rotor"] = disk((rear[0], rear[1] + 0.1, 0.06), SIDE, dice.between(0.14, 0.24))
    if dice.chance(0.8):
        z, y = high * 0.8, -high * 1.35
        skid = cylinder((-long * 0.8, y, z), (long * 0.9, y, z), 0.03)
        for x in (-long * 0.4, long * 0.4):
            skid += cylinder((x, -high * 0.5, high * 0.5), (x, y, z), 0.025)
        shape["skid"] = mirrored(skid)
    return shape


def boat(dice: Dice) -> Shape:
    """A hull with a deck and sails, or with a cabin and a funnel."""
    long, wide = dice.between(0.9, 1.4), dice.between(0.28, 0.5)
    deep = dice.between(0.22, 0.45)
    shape: Shape = {"hull": ellipsoid(ZERO, (long, deep, wide), -1.0, 0.0)}
    shape["deck"] = disk((0.0, -0.03, 0.0), UP, long * 0.97, squash=wide / long)
    if dice.chance(0.55):
        mast, foot = dice.between(1.1, 2.0), dice.between(0.0, 0.3)
        shape["mast"] = cylinder((foot, -0.05, 0.0), (foot, mast, 0.0), 0.03)
        shape["sail"] = panel(
            (foot - long * 0.4, 0.15, 0.0),
            (long * 0.38, mast * 0.8, 0.05),
            (long * 0.75, 0.0, 0.1),
            0.0,
        )
        if dice.chance(0.6):
            shape["sail"] += panel(
                (foot + long * 0.28, 0.1, 0.0), (-long * 0.25, mast * 0.75, 0.0),
                (long * 0.5, 0.0, 0.1), 0.0,
            )  # fmt: skip
    else:
        tall, size = dice.between(0.2, 0.5), dice.between(0.5, 0.9)
        shape["cabin"] = tapered_box(
            (-0.1, -0.03, 0.0), (size, wide * 1.1), (size * 0.8, wide * 0.9), tall
        )
        if dice.chance(0.6):
            start, end = (-0.2, tall, 0.0), (-0.25, tall + dice.between(0.2, 0.4), 0.0)
            shape["funnel"] = cylinder(start, end, 0.09)
    return shape


def rocket(dice: Dice) -> Shape:
    """A body with a nose cone, fins, a nozzle and at times boosters."""
    radius, height = dice.between(0.15, 0.35), dice.between(1.2, 2.4)
    nose, num = dice.between(0.3, 0.8), dice.count(3, 4)
    shape: Shape = {"body": cylinder(ZERO, (0.0, height, 0.0), radius, capped="start")}
    if dice.chance(0.5):
        shape["nose"] = cone((0.0, height, 0.0), (0.0, height + nose, 0.0), radius)
    else:
        profile = [(radius, 0.0), (radius * 0.75, nose * 0.55), (0.01, nose)]
        shape["nose"] = revolve(smooth(profile), (0.0, height, 0.0))
    reach, drop = dice.between(0.2, 0.5), dice.between(-0.3, 0.15)
    chord = dice.between(0.3, 0.6)
    shape["fin"], phase = [], dice.between(0.0, 1.0)
    for i in range(num):
        origin = (radius, chord / 2.0, 0.0)
        fin = slab(origin, (reach, drop, 0.0), (0.0, chord, 0.0), (0.0, 0.0, 0.04), 0.5)
        shape["fin"] += turned(fin, "y", phase + math.tau * i / num)
    shape["nozzle"] = frustum((0.0, -0.2, 0.0), ZERO, radius * 0.8, radius * 0.4, capped="none")
    if dice.chance(0.35):
        tall, thin = height * dice.between(0.4, 0.7), radius * 0.45
        z = radius + thin
        booster = cylinder((0.0, 0.0, z), (0.0, tall, z), thin)
        booster += cone((0.0, tall, z), (0.0, tall + 0.25, z), thin)
        shape["booster"] = mirrored(booster)
    return shape


def bicycle(dice: Dice) -> Shape:
    """Two spoked wheels, a frame of tubes, a handlebar, a saddle and pedals."""
    radius, base = dice.between(0.36, 0.52), dice.between(0.5, 0.68)
    seat, bars = dice.between(0.75, 1.05), dice.between(0.85, 1.15)
    rear, front = (-base, radius, 0.0), (base, radius, 0.0)
    crank, head = (-0.08, radius * 0.8, 0.0), (base * 0.72, bars * 0.9, 0.0)
    post = (-0.25, seat, 0.0)
    shape: Shape = {"wheel": []}
    for hub in (rear, front):
        shape["wheel"] += torus(hub, SIDE, radius, dice.between(0.025, 0.05))
        for i in range(5):
            angle = math.pi * i / 5.0
            x, y = radius * math.cos(angle), radius * math.sin(angle)
            tips = ((hub[0] - x, hub[1] - y, 0.0), (hub[0] + x, hub[1] + y, 0.0))
            shape["wheel"] += cylinder(*tips, 0.008)
    frame: Pieces = []
    saddle_joint = (-0.21, seat * 0.85, 0.0)
    for start, end in (
        (crank, head), (crank, post), (saddle_joint, head), (crank, rear), (saddle_joint, rear),
        (head, front),
    ):  # fmt: skip
        frame += cylinder(start, end, 0.03)
    shape["frame"] = frame
    reach, x = dice.between(0.2, 0.35), head[0] - 0.04
    grip = dice.between(-0.2, 0.15)
    path = [(x + grip, bars, -reach), (x, bars, 0.0), (x + grip, bars, reach)]
    shape["handlebar"] = tube(path, 0.03) + cylinder(head, (x, bars, 0.0), 0.03)
    shape["saddle"] = ellipsoid((post[0], seat + 0.03, 0.0), (0.17, 0.05, 0.1))
    if dice.chance(0.7):
        shape["pedal"] = mirrored(box((crank[0] + 0.15, crank[1], 0.12), (0.14, 0.04, 0.12)))
        shape["pedal"] += disk((crank[0], crank[1], 0.04), SIDE, 0.1)
    return shape


def _wheel(centre: Vec, radius: float, width: float) -> Pieces:
    """A solid wheel whose axle lies along z."""
    x, y, z = centre
    return cylinder((x, y, z - width / 2.0), (x, y, z + width / 2.0), radius)


VEHICLES = (
    Recipe("car", car, ("body", "cabin", "wheel", "spoiler")),
    Recipe("truck", truck, ("chassis", "cab", "load", "wheel")),
    Recipe("airplane", airplane, ("fuselage", "wing", "tailplane", "fin", "engine")),
    Recipe("helicopter", helicopter, ("cabin", "boom", "rotor", "tail_rotor", "skid")),
    Recipe("boat", boat, ("hull", "deck", "mast", "sail", "cabin", "funnel")),
    Recipe("rocket", rocket, ("body", "nose", "fin", "nozzle", "booster")),
    Recipe("bicycle", bicycle, ("wheel", "frame", "handlebar", "saddle", "pedal")),
)
