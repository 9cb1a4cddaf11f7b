"""Checks of what SuperTokens, and a budget of tokens, give."""

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from foundry_bench.report.analysis.relation import relate
from foundry_bench.report.claims.finding import Finding, Limit, find_correlation, limit_of
from foundry_bench.report.claims.material import (
    Material,
    compare,
    find_change,
    is_meant,
    main_series,
    named_trials,
    results,
    sources,
)
from foundry_bench.report.claims.places import place_of
from foundry_bench.report.claims.settings import Bottleneck, Correlation, Plateau, Trend
from foundry_bench.report.statistics.intervals import paired_difference
from foundry_bench.report.study.levels import BUDGET, SUPERTOKENS
from foundry_bench.report.study.measures import DISTILL_LOSS, OF_DISTILLATION, Measure
from foundry_bench.report.study.study import Study
from foundry_bench.report.study.summary import Group

MIN_LEVELS = 3
"""A correlation over fewer values of s is one difference."""

_AXES = {axis.name: axis for axis in (SUPERTOKENS, BUDGET)}
_DISTILLATION = {measure.metric: measure for measure in OF_DISTILLATION}


def check_trend(material: Material, settings: Trend) -> Iterator[Finding]:
    """The mean over seeds of the least-squares slope over log2 of the axis."""
    axis, limit = _AXES[settings.along], limit_of(settings.above, settings.below)
    for study in material.studies:
        measures = [_DISTILLATION[settings.of]] if settings.of else results(study, settings.results)
        for name, groups in main_series(study, settings, axis).items():
            for measure in measures:
                having = [group for group in groups if group.by_seed.get(measure)]
                if len(having) < 2:
                    continue
                places = [float(group.level.on(axis) or 1) for group in having]
                slopes = _slopes(places, [group.by_seed[measure] for group in having])
                change = paired_difference(slopes, dict.fromkeys(slopes, 0.0))
                if change.n:
                    what = (
                        f"{name}: {measure.label} by doubling of {axis.symbol}, from"
                        f" {places[0]:g} to {places[-1]:g}"
                    )
                    yield find_change(study, having, measure, change, limit, what)


def check_correlation(material: Material, settings: Correlation) -> Iterator[Finding]:
    """Spearman's rho between distillation loss and a result over the runs of a main series."""
    for study in material.studies:
        series = main_series(study, settings, SUPERTOKENS)
        for measure in results(study, settings.results):
            relation = relate(study.summary, DISTILL_LOSS, measure)
            if relation is None or relation.axis != SUPERTOKENS:
                continue
            for name, found in relation.correlations.items():
                groups = [g for g in series.get(name, ()) if g.by_seed.get(measure)]
                if not groups or found.levels < MIN_LEVELS or not math.isfinite(found.rho):
                    continue
                yield find_correlation(
                    found,
                    limit_of(settings.above, settings.below),
                    what=f"{name}: distillation loss against {measure.label},"
                    f" {found.levels} values of s",
                    place=place_of(study, groups[0], measure),
                    trials=named_trials(study, groups, measure),
                    sources=sources(study, groups, measure),
                )


def check_plateau(material: Material, settings: Plateau) -> Iterator[Finding]:
    """What a result gains from `start` SuperTokens to the most there are."""
    limit = Limit(settings.under, "below")
    for study, name, groups, measure in material.series(settings):
        last = groups[-1]
        for start in groups[:-1]:
            if start.supertokens == settings.start:
                what = (
                    f"{name}: {measure.label} at s = {last.supertokens} against s ="
                    f" {settings.start}"
                )
                yield compare(study, last, start, measure, limit, what)


def check_bottleneck(material: Material, settings: Bottleneck) -> Iterator[Finding]:
    """Rises with s of main students and of ablations without residual, and what they differ by."""
    for study, name, groups, measure in material.series(settings):
        main = study.summary.main_series(SUPERTOKENS)[name]
        places = {(group.level, group.setting.context) for group in main}
        without = [
            group
            for group in study.summary.of_role("ablation")
            if group.by_seed.get(measure)
            and (group.level, group.setting.context) in places
            and is_meant(study, group, settings)
            and study.student_of(group).get("residual") is False
        ]
        if without:
            yield from _bottleneck(study, name, groups, without, measure, settings.margin)


def _bottleneck(
    study: Study,
    name: str,
    with_it: Sequence[Group],
    without: Sequence[Group],
    measure: Measure,
    margin: float,
) -> Iterator[Finding]:
    without = sorted(without, key=lambda group: group.supertokens or 0)
    for words, several in (("with", with_it), ("without", without)):
        first, last = several[0], several[-1]
        if len(several) > 1:
            what = (
                f"{name} {words} residual: {measure.label} at s = {last.supertokens}"
                f" against s = {first.supertokens}"
            )
            yield compare(study, last, first, measure, Limit(0.0, "above"), what)
    last = without[-1]
    beside = next((group for group in with_it if group.level == last.level), None)
    if beside is not None:
        what = f"{name} without residual against with, {measure.label} at s = {beside.supertokens}"
        yield compare(study, last, beside, measure, Limit(-margin, "above"), what)


def _slopes(places: Sequence[float], values: Sequence[Mapping[int, float]]) -> dict[int, float]:
    """By seed that has a value at every place: what a doubling brings."""
    seeds = set(values[0]).intersection(*values[1:])
    x = np.log2(places)
    return {
        seed: float(np.polyfit(x, [value[seed] for value in values], 1)[0])
        for seed in sorted(seeds)
    }
