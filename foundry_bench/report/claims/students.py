"""Checks of students against their teacher and against each other."""

from collections.abc import Iterator
from itertools import pairwise

from foundry_bench.report.analysis.losses import pair_losses
from foundry_bench.report.analysis.specialists import contest
from foundry_bench.report.claims.finding import Finding, Limit
from foundry_bench.report.claims.material import Material, compare, is_meant, results
from foundry_bench.report.claims.settings import Generalist, Losses, NearTeacher, Order
from foundry_bench.report.study.study import Study
from foundry_bench.report.study.summary import Group

AHEAD = Limit(0.0, "above")


def check_near_teacher(material: Material, settings: NearTeacher) -> Iterator[Finding]:
    """Non-inferiority to the teacher by a margin, result by result."""
    for study, name, groups, measure in material.series(settings):
        limit = Limit(-settings.margins.get(measure.metric, settings.margin), "above")
        for group in groups:
            teacher = study.summary.teacher_of(group)
            if teacher is None or group.supertokens != settings.supertokens:
                continue
            if teacher.by_seed.get(measure):
                what = f"{name} at s = {group.supertokens} against its teacher: {measure.label}"
                yield compare(study, group, teacher, measure, limit, what)


def check_generalist(material: Material, settings: Generalist) -> Iterator[Finding]:
    """The generalist against each specialist, on what the specialist did not learn."""
    for study in material.studies:
        for each in contest(study.summary, study.specialists):
            is_asked = not each.is_own and each.measure.metric in settings.results
            if is_asked and is_meant(study, each.generalist, settings):
                what = f"{each.generalist.name} against the {each.name}: {each.measure.label}"
                yield compare(study, each.generalist, each.specialist, each.measure, AHEAD, what)


def check_order(material: Material, settings: Order) -> Iterator[Finding]:
    """Each variant against the next, at each number of SuperTokens of the main students."""
    for study, _, groups, measure in material.series(settings):
        for main in groups:
            standing = [
                main if name == settings.student else _beside(study, main, name)
                for name in settings.variants
            ]
            for better, worse in pairwise(standing):
                if better is None or worse is None:
                    continue
                if better.by_seed.get(measure) and worse.by_seed.get(measure):
                    what = (
                        f"{better.series} against {worse.series} at {main.level.text}:"
                        f" {measure.label}"
                    )
                    yield compare(study, better, worse, measure, AHEAD, what)


def check_losses(material: Material, settings: Losses) -> Iterator[Finding]:
    """Students that differ in their loss alone."""
    limit = Limit(-settings.margin, "above")
    for study in material.studies:
        for measure in results(study, settings.results):
            for one, other in pair_losses(study.summary, measure, settings.loss, settings.against):
                if is_meant(study, one, settings):
                    what = f"{one.name} against {other.series}: {measure.label}"
                    yield compare(study, one, other, measure, limit, what)


def _beside(study: Study, main: Group, variant: str) -> Group | None:
    """The ablation of that name that stands beside a main student."""
    return next(
        (
            ablation
            for ablation in study.summary.of_role("ablation")
            if ablation.variant == variant
            and ablation.level == main.level
            and ablation.setting.axes == main.setting.axes
        ),
        None,
    )
