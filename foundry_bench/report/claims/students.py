"""Checks of students against their teacher and against each other."""

from collections.abc import Iterator
from itertools import pairwise

from foundry_bench.report.analysis.specialists import contest
from foundry_bench.report.claims.finding import Finding, Limit
from foundry_bench.report.claims.material import Material
from foundry_bench.report.claims.settings import Generalist, Losses, NearTeacher, Order
from foundry_bench.report.claims.supertokens import compare, is_meant, main_series, results
from foundry_bench.report.sentences.variants import pair_losses
from foundry_bench.report.study.levels import SUPERTOKENS
from foundry_bench.report.study.study import Study
from foundry_bench.report.study.summary import Group


def check_near_teacher(material: Material, settings: NearTeacher) -> Iterator[Finding]:
    """Non-inferiority to the teacher by a margin, result by result."""
    for study in material.studies:
        for name, groups in main_series(study, settings, SUPERTOKENS).items():
            for group in groups:
                teacher = study.summary.teacher_of(group)
                if teacher is None or group.supertokens != settings.supertokens:
                    continue
                for measure in results(study, settings.results):
                    if not (group.by_seed.get(measure) and teacher.by_seed.get(measure)):
                        continue
                    margin = settings.margins.get(measure.metric, settings.margin)
                    yield compare(
                        study,
                        group,
                        teacher,
                        measure,
                        Limit(-margin, "above"),
                        f"{name} at s = {group.supertokens} against its teacher: {measure.label}",
                    )


def check_generalist(material: Material, settings: Generalist) -> Iterator[Finding]:
    """The generalist against each specialist, on what the specialist did not learn."""
    for study in material.studies:
        for each in contest(study.summary, study.specialists):
            if (
                each.is_own
                or not is_meant(study, each.generalist, settings)
                or each.measure.metric not in settings.results
            ):
                continue
            yield compare(
                study,
                each.generalist,
                each.specialist,
                each.measure,
                Limit(0.0, "above"),
                f"{each.generalist.name} against the {each.name}: {each.measure.label}",
            )


def check_order(material: Material, settings: Order) -> Iterator[Finding]:
    """Each variant against the next, at each number of SuperTokens of the main students."""
    for study in material.studies:
        for groups in main_series(study, settings, SUPERTOKENS).values():
            for main in groups:
                standing = [
                    main if name == settings.student else _beside(study, main, name)
                    for name in settings.variants
                ]
                for measure in results(study, settings.results):
                    for better, worse in pairwise(standing):
                        if better is None or worse is None:
                            continue
                        if not (better.by_seed.get(measure) and worse.by_seed.get(measure)):
                            continue
                        yield compare(
                            study,
                            better,
                            worse,
                            measure,
                            Limit(0.0, "above"),
                            f"{better.series} against {worse.series} at {main.level.text}:"
                            f" {measure.label}",
                        )


def check_losses(material: Material, settings: Losses) -> Iterator[Finding]:
    """Students that differ in their loss alone."""
    for study in material.studies:
        for measure in results(study, settings.results):
            for one, other in pair_losses(study.summary, measure, settings.loss, settings.against):
                if is_meant(study, one, settings):
                    yield compare(
                        study,
                        one,
                        other,
                        measure,
                        Limit(-settings.margin, "above"),
                        f"{one.name} against {other.series}: {measure.label}",
                    )


def _beside(study: Study, main: Group, variant: str) -> Group | None:
    """The control of that name that stands beside a main student."""
    return next(
        (
            control
            for control in study.summary.of_role("control")
            if control.variant == variant
            and control.level == main.level
            and control.setting.axes == main.setting.axes
        ),
        None,
    )
