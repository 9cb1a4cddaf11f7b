"""Vessels: surfaces of revolution that differ by proportions and by handle, neck and spout."""

import math

from foundry_bench.data.shapes.outlines import bezier, smooth
from foundry_bench.data.shapes.primitives import (
    Pieces,
    arc,
    cylinder,
    disk,
    ellipsoid,
    frustum,
    revolve,
    sphere,
    torus,
    tube,
)
from foundry_bench.data.shapes.recipe import Dice, Recipe, Shape
from foundry_bench.data.shapes.vectors import UP, ZERO


def mug(dice: Dice) -> Shape:
    """A straight or bulging cup with one ear."""
    radius, height = dice.between(0.35, 0.65), dice.between(0.6, 1.3)
    low, mid = radius * dice.between(0.7, 1.05), radius * dice.between(0.9, 1.15)
    profile = smooth([(low, 0.0), (mid, height / 2.0), (radius, height)])
    shape: Shape = {"body": revolve(profile) + disk(ZERO, UP, low)}
    shape["handle"] = _ear(dice, mid * 0.97, height * dice.between(0.45, 0.6), height * 0.32)
    if dice.chance(0.5):
        shape["rim"] = torus((0.0, height, 0.0), UP, radius, dice.between(0.02, 0.04))
    return shape


def bowl(dice: Dice) -> Shape:
    """A wide open vessel on a foot ring."""
    radius, height = dice.between(0.5, 1.0), dice.between(0.3, 0.75)
    foot, belly = radius * dice.between(0.3, 0.65), radius * dice.between(0.75, 1.05)
    profile = smooth([(foot, 0.0), (belly, height * 0.45), (radius, height)])
    shape: Shape = {"body": revolve(profile) + disk(ZERO, UP, foot)}
    if dice.chance(0.6):
        depth = dice.between(0.05, 0.2)
        shape["foot"] = frustum((0.0, -depth, 0.0), ZERO, foot * 1.1, foot * 0.8, capped="none")
    shape["rim"] = torus((0.0, height, 0.0), UP, radius, dice.between(0.02, 0.05))
    return shape


def bottle(dice: Dice) -> Shape:
    """A tall body with shoulders, a narrow neck and often a cap."""
    radius, height = dice.between(0.22, 0.5), dice.between(0.6, 1.3)
    neck, shoulder = radius * dice.between(0.22, 0.5), dice.between(0.1, 0.4)
    top = height + shoulder + dice.between(0.1, 0.5)
    waist = radius * dice.between(0.8, 1.1)
    profile = [(radius, 0.0), (waist, height * 0.5), (radius, height)]
    shape: Shape = {"body": revolve(smooth(profile)) + disk(ZERO, UP, radius)}
    shape["shoulder"] = revolve(
        smooth(
            [(radius, height), (radius * 0.8, height + shoulder * 0.6), (neck, height + shoulder)]
        )
    )
    shape["neck"] = cylinder((0.0, height + shoulder, 0.0), (0.0, top, 0.0), neck, capped="none")
    if dice.chance(0.6):
        cap = dice.between(0.08, 0.18)
        shape["cap"] = cylinder((0.0, top - cap * 0.3, 0.0), (0.0, top + cap, 0.0), neck * 1.25)
    return shape


def vase(dice: Dice) -> Shape:
    """A belly, a throat and a flaring lip; some have two ears."""
    height, belly = dice.between(1.0, 2.0), dice.between(0.35, 0.75)
    foot, throat = belly * dice.between(0.4, 0.8), belly * dice.between(0.3, 0.75)
    lip, swell = throat * dice.between(1.05, 1.9), dice.between(0.25, 0.5)
    shape: Shape = {}
    shape["body"] = revolve(
        smooth([(foot, 0.0), (belly, height * swell), (throat, height * 0.8)], steps=6)
    ) + disk(ZERO, UP, foot)
    shape["neck"] = revolve(
        smooth([(throat, height * 0.8), (throat, height * 0.88), (lip, height)])
    )
    if dice.chance(0.4):
        shape["foot"] = frustum((0.0, -0.1, 0.0), ZERO, foot * 1.2, foot * 0.9)
    if dice.chance(0.2):
        shape["handle"] = []
        for turn in (0.0, math.pi):
            centre = (math.cos(turn) * throat, height * 0.72, 0.0)
            right, front = (math.cos(turn) * belly * 0.5, 0.0, 0.0), (0.0, height * 0.16, 0.0)
            shape["handle"] += arc(centre, right, front, 0.04, -math.pi / 2.0, math.pi)
    return shape


def teapot(dice: Dice) -> Shape:
    """A round pot with a lid and knob, a curved spout and a handle behind or above."""
    radius, high = dice.between(0.5, 0.75), dice.between(0.35, 0.65)
    shape: Shape = {"body": ellipsoid(ZERO, (radius, high, radius), -0.9, 0.85)}
    shape["body"] += disk((0.0, -high * 0.9, 0.0), UP, radius * 0.43)
    lid = dice.between(0.1, 0.25)
    shape["lid"] = ellipsoid((0.0, high * 0.83, 0.0), (radius * 0.52, lid, radius * 0.52), 0.0)
    shape["lid"] += sphere((0.0, high * 0.83 + lid + 0.05, 0.0), 0.07)
    reach, tip = radius * dice.between(1.5, 1.9), high * dice.between(0.6, 1.2)
    path = bezier((radius * 0.8, -high * 0.2, 0.0), (radius * 1.45, -0.1, 0.0), (reach, tip, 0.0))
    shape["spout"] = tube(path, dice.between(0.12, 0.2), 0.06)
    if dice.chance(0.65):
        shape["handle"] = arc(
            (-radius * 0.9, 0.0, 0.0), (-0.45, 0.0, 0.0), (0.0, high * 0.65, 0.0), 0.055,
            -math.pi / 2.0, math.pi,
        )  # fmt: skip
    else:
        right, front = (radius * 0.8, 0.0, 0.0), (0.0, high * 1.4, 0.0)
        shape["handle"] = arc((0.0, high * 0.6, 0.0), right, front, 0.05, 0.0, math.pi)
    return shape


def pitcher(dice: Dice) -> Shape:
    """A tall jug with a large ear and a lip that pours; between mug, vase and teapot."""
    height, belly = dice.between(0.9, 1.6), dice.between(0.35, 0.6)
    foot, mouth = belly * dice.between(0.6, 1.0), belly * dice.between(0.55, 0.95)
    profile = [(foot, 0.0), (belly, height * 0.35), (mouth * 0.9, height * 0.8), (mouth, height)]
    shape: Shape = {"body": revolve(smooth(profile)) + disk(ZERO, UP, foot)}
    shape["handle"] = _ear(dice, mouth * 0.95, height * 0.58, height * dice.between(0.25, 0.38))
    out = dice.between(0.15, 0.35)
    start, end = (-mouth * 0.6, height * 0.85, 0.0), (-mouth - out, height + 0.08, 0.0)
    shape["spout"] = frustum(start, end, mouth * 0.45, 0.08, capped="none")
    return shape


def bucket(dice: Dice) -> Shape:
    """A tapered pail with a bail that stands up or lies on the rim."""
    bottom, top = dice.between(0.3, 0.55), dice.between(0.5, 0.8)
    height = dice.between(0.6, 1.3)
    shape: Shape = {"body": frustum(ZERO, (0.0, height, 0.0), bottom, top, capped="start")}
    shape["rim"] = torus((0.0, height, 0.0), UP, top, 0.035)
    lift = dice.between(0.1, 1.4)
    front = (0.0, math.sin(lift) * top * 1.1, math.cos(lift) * top * 1.1)
    shape["handle"] = arc((0.0, height, 0.0), (top, 0.0, 0.0), front, 0.03, 0.0, math.pi)
    return shape


def wineglass(dice: Dice) -> Shape:
    """A cup on a stem and a flat base."""
    stem, base = dice.between(0.3, 0.9), dice.between(0.28, 0.5)
    cup, belly = dice.between(0.4, 0.9), dice.between(0.28, 0.5)
    mouth = belly * dice.between(0.65, 1.3)
    shape: Shape = {"base": frustum(ZERO, (0.0, 0.06, 0.0), base, base * 0.3)}
    shape["stem"] = cylinder((0.0, 0.06, 0.0), (0.0, stem, 0.0), dice.between(0.03, 0.06))
    profile = [(0.05, 0.0), (belly, cup * 0.45), (mouth, cup)]
    shape["cup"] = revolve(smooth(profile, steps=6), (0.0, stem, 0.0))
    return shape


def _ear(dice: Dice, radius: float, middle: float, half_height: float) -> Pieces:
    """A handle at +x: a half ring or a bent bar."""
    out, thick = dice.between(0.2, 0.45), dice.between(0.03, 0.08)
    if dice.chance(0.7):
        right, front = (out, 0.0, 0.0), (0.0, half_height, 0.0)
        return arc((radius, middle, 0.0), right, front, thick, -math.pi / 2.0, math.pi)
    low, high, far = middle - half_height, middle + half_height, radius + out
    return tube([(radius, low, 0.0), (far, low, 0.0), (far, high, 0.0), (radius, high, 0.0)], thick)


VESSELS = (
    Recipe("mug", mug, ("body", "handle", "rim")),
    Recipe("bowl", bowl, ("body", "foot", "rim")),
    Recipe("bottle", bottle, ("body", "shoulder", "neck", "cap")),
    Recipe("vase", vase, ("body", "neck", "foot", "handle")),
    Recipe("teapot", teapot, ("body", "lid", "spout", "handle")),
    Recipe("pitcher", pitcher, ("body", "handle", "spout")),
    Recipe("bucket", bucket, ("body", "rim", "handle")),
    Recipe("wineglass", wineglass, ("base", "stem", "cup")),
)
