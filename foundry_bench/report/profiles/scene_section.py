"""Scenes -> a section of the report of their own: they belong to no sweep."""

from collections.abc import Sequence
from functools import partial

from foundry_bench.report.figures.scenes import draw_scenes
from foundry_bench.report.profiles.scenes import (
    Scene,
    read_scenes,
    scene_lines,
    state_scenes,
    tabulate_published,
    tabulate_scenes,
)
from foundry_bench.report.records.harvest import Evidence, SweepInfo
from foundry_bench.report.records.provenance import describe_environment, measured_on
from foundry_bench.report.sections import Extra, Picture, SweepReport
from foundry_bench.report.study.costs import SCENES
from foundry_bench.report.table import Line

COMMANDS = ("foundry-bench profile scenes --out DIR", "foundry-bench report DIR")


def scene_section(evidence: Evidence) -> SweepReport | None:
    """The section; None if no scene was profiled."""
    scenes = read_scenes(evidence.profiles)
    if not scenes:
        return None
    records = {
        each.key: each.model_copy(update={"device": dict(measured_on(each))})
        for each in evidence.profiles
        if each.task == SCENES
    }
    environment = describe_environment(Evidence(records=records))
    of_trials = ("trials", "seeds", "threads a trial")
    extra = published_extra(scenes)
    return SweepReport(
        SCENES,
        SweepInfo(),
        tuple(state_scenes(scenes)),
        (),
        tuple(picture_scenes(scenes)),
        tabulate_scenes(scenes),
        tuple(scene_lines(scenes)),
        () if extra is None else (extra,),
        tuple(fact for fact in environment if fact[0] not in of_trials),
        commands=COMMANDS,
    )


def picture_scenes(scenes: Sequence[Scene]) -> list[Picture]:
    """A picture a device, number of threads and limit of which several sizes were measured."""
    kinds = dict.fromkeys((each.device, each.threads, each.limit_gib) for each in scenes)
    pictures = []
    for place, kind in enumerate(kinds, 1):
        alike = [each for each in scenes if (each.device, each.threads, each.limit_gib) == kind]
        if len({each.points for each in alike}) > 1:
            pictures.append(_picture(alike, f"cost_vs_points_{place}"))
    return pictures


def _picture(scenes: Sequence[Scene], name: str) -> Picture:
    device, threads, limit = scenes[0].device, scenes[0].threads, scenes[0].limit_gib
    within = "" if limit is None else f", as if it had {limit:g} GiB (the dashed line)"
    caption = (
        f"What a scene costs against its points, a patch for every"
        f" {scenes[0].points // scenes[0].patches} of them: median time of a pass of the network,"
        f" and peak memory, on {device} with {threads} threads{within}. Solid with fused attention,"
        " dashed with the matrices of attention in memory; a cross where memory was not enough."
        " Grouping is in the table."
    )
    models = ", ".join(dict.fromkeys(scene.model for scene in scenes))
    return Picture(
        name,
        "Cost against points",
        caption,
        f"Lines of time and of peak memory over the points of a scene, of {models}.",
        tuple(scene_lines(scenes)),
        partial(draw_scenes, scenes),
    )


def published_extra(scenes: Sequence[Scene]) -> Extra | None:
    """The paper's comparison on 6 GB, if it was measured."""
    table = tabulate_published(scenes)
    if table is None:
        return None
    lines: list[Line] = [
        dict(zip(table.header, (cell.text for cell in row), strict=True)) for row in table.rows
    ]
    return Extra("scene_of_300k", "300,000 points on 6 GB", (table,), tuple(lines))
