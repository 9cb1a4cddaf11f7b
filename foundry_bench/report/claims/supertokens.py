"""Checks of what SuperTokens, and a budget of tokens, give."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from foundry_bench.report.analysis.relation import relate
from foundry_bench.report.claims.finding import (
    Finding,
    Limit,
    find_correlation,
    find_difference,
    limit_of,
)
from foundry_bench.report.claims.material import Material
from foundry_bench.report.claims.places import place_of
from foundry_bench.report.claims.settings import (
    Bottleneck,
    CheckSettings,
    Correlation,
    Plateau,
    Trend,
)
from foundry_bench.report.statistics.intervals import Difference, paired_difference
from foundry_bench.report.study.levels import BUDGET, SUPERTOKENS, Axis
from foundry_bench.report.study.measures import DISTILL_LOSS, OF_DISTILLATION, Measure
from foundry_bench.report.study.study import Study, named_trials
from foundry_bench.report.study.summary import Group
from foundry_bench.report.wording import points_text

MIN_LEVELS = 3
"""A correlation over fewer values of s is one difference."""

_AXES = {axis.name: axis for axis in (SUPERTOKENS, BUDGET)}
_DISTILLATION = {measure.metric: measure for measure in OF_DISTILLATION}


def check_trend(material: Material, settings: Trend) -> Iterator[Finding]:
    """The mean over seeds of the least-squares slope over log2 of the axis."""
    axis = _AXES[settings.along]
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
                if not change.n:
                    continue
                yield find_difference(
                    change,
                    limit_of(settings.above, settings.below),
                    what=f"{name}: {measure.label} by doubling of {axis.symbol}, from"
                    f" {places[0]:g} to {places[-1]:g}",
                    observed=_observed(change, measure),
                    unit=_unit(measure),
                    place=place_of(study, having[0], measure),
                    trials=named_trials(study, tuple(having), measure),
                    sources=sources(study, having, measure),
                )


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
                    trials=named_trials(study, tuple(groups), measure),
                    sources=sources(study, groups, measure),
                )


def check_plateau(material: Material, settings: Plateau) -> Iterator[Finding]:
    """What a result gains from `start` SuperTokens to the most there are."""
    for study in material.studies:
        for name, groups in main_series(study, settings, SUPERTOKENS).items():
            for measure in results(study, settings.results):
                having = [group for group in groups if group.by_seed.get(measure)]
                start = next((g for g in having if g.supertokens == settings.start), None)
                if start is None or start is having[-1]:
                    continue
                yield compare(
                    study,
                    having[-1],
                    start,
                    measure,
                    Limit(settings.under, "below"),
                    f"{name}: {measure.label} at s = {having[-1].supertokens} against s ="
                    f" {settings.start}",
                )


def check_bottleneck(material: Material, settings: Bottleneck) -> Iterator[Finding]:
    """Rises with s of main students and of controls without residual, and what they differ by."""
    for study in material.studies:
        without = [
            group
            for group in study.summary.of_role("control")
            if is_meant(study, group, settings) and study.student_of(group).get("residual") is False
        ]
        for name, groups in main_series(study, settings, SUPERTOKENS).items():
            beside = [
                group
                for group in without
                if any(
                    each.level == group.level and each.setting.context == group.setting.context
                    for each in groups
                )
            ]
            for measure in results(study, settings.results):
                yield from _bottleneck(study, name, groups, beside, measure, settings)


def _bottleneck(
    study: Study,
    name: str,
    groups: Sequence[Group],
    without: Sequence[Group],
    measure: Measure,
    settings: Bottleneck,
) -> Iterator[Finding]:
    with_it, without = (
        sorted(
            (group for group in each if group.by_seed.get(measure)),
            key=lambda group: group.supertokens or 0,
        )
        for each in (groups, without)
    )
    if not without:
        return
    for words, several in (("with", with_it), ("without", without)):
        if len(several) > 1:
            yield compare(
                study,
                several[-1],
                several[0],
                measure,
                Limit(0.0, "above"),
                f"{name} {words} residual: {measure.label} at s = {several[-1].supertokens}"
                f" against s = {several[0].supertokens}",
            )
    beside = next((group for group in with_it if group.level == without[-1].level), None)
    if beside is not None:
        yield compare(
            study,
            without[-1],
            beside,
            measure,
            Limit(-settings.margin, "above"),
            f"{name} without residual against with, {measure.label} at s = {beside.supertokens}",
        )


def compare(
    study: Study, group: Group, reference: Group, measure: Measure, limit: Limit, what: str
) -> Finding:
    """The difference of two groups, paired by seed, against a limit."""
    change = group.difference(reference, measure)
    return find_difference(
        change,
        limit,
        what=what,
        observed=_observed(change, measure),
        unit=_unit(measure),
        place=place_of(study, group, measure),
        trials=named_trials(study, (group, reference), measure),
        sources=sources(study, (group, reference), measure),
    )


def main_series(study: Study, settings: CheckSettings, axis: Axis) -> Mapping[str, list[Group]]:
    """The main series that a check speaks of, by name: groups that stand somewhere on `axis`."""
    found = {
        name: [
            group
            for group in groups
            if group.level.on(axis) is not None and is_meant(study, group, settings)
        ]
        for name, groups in study.summary.main_series(axis).items()
    }
    return {name: groups for name, groups in found.items() if groups}


def is_meant(study: Study, group: Group, settings: CheckSettings) -> bool:
    """Whether a check speaks of the student of `group`."""
    name = study.student_of(group).get("name")
    return name == settings.student and group.loss.name == settings.loss


def results(study: Study, metrics: Sequence[str]) -> list[Measure]:
    """The headline results of a study among `metrics`."""
    return [measure for measure in study.summary.headlines if measure.metric in metrics]


def sources(study: Study, groups: Iterable[Group], measure: Measure) -> Iterator[str]:
    """Names of the very numbers that `groups` have."""
    for group in groups:
        for run in study.runs_of(group, measure):
            yield f"{measure.metric}:{run.keys[measure]}"


def _observed(change: Difference, measure: Measure) -> str:
    return f"{points_text(change, measure)}, n = {change.n}"


def _unit(measure: Measure) -> str:
    return "points" if measure.unit == "%" else measure.unit


def _slopes(places: Sequence[float], values: Sequence[Mapping[int, float]]) -> dict[int, float]:
    """By seed that has a value at every place: what a doubling brings."""
    seeds = set(values[0]).intersection(*values[1:])
    x = np.log2(places)
    return {
        seed: float(np.polyfit(x, [value[seed] for value in values], 1)[0])
        for seed in sorted(seeds)
    }
