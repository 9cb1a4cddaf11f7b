"""Which students of a teacher are profiled, in which sizes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from foundry_bench.cost.distilled import Distilled
from foundry_bench.registries import STUDENTS
from foundry_bench.students.student import StudentSettings
from foundry_bench.teachers.teacher import TeacherArchitecture


@dataclass(frozen=True)
class Sizes:
    """What is tried.

    Attributes:
        supertokens: of every student that has some.
        budgets: of every student that heeds one; one that does not hold the SuperTokens, or is more
            than all tokens, is left out without a word.
        architecture: the teacher's.
    """

    supertokens: Sequence[int]
    budgets: Sequence[int]
    architecture: TeacherArchitecture


def heeds_budgets(kind: type[StudentSettings]) -> bool:
    """Whether students of these settings have a gate: their cost depends on the cloud."""
    return "budget" in kind.model_fields


def plan_students(names: Iterable[str], sizes: Sizes) -> tuple[list[StudentSettings], list[str]]:
    """The named students in all `sizes`; and what cannot be had of this teacher, and why.

    A gate comes with budgets alone: without one, and without training, it merges nothing, which
    would tell nothing.

    Raises:
        FoundryError: for a student that is not registered.
    """
    students: list[StudentSettings] = []
    skipped: list[str] = []
    teacher = sizes.architecture
    for name in names:
        kind = STUDENTS.get(name).Settings
        for values in _values(kind, sizes.supertokens, sizes):
            settings = kind.model_validate({"name": name, **values})
            try:
                settings.check(teacher.patches, teacher.depth)
            except ValueError as error:
                skipped.append(f"{name}: {error}")
            else:
                students.append(settings)
    return students, skipped


def with_budgets(distilled: Distilled, sizes: Sizes) -> list[StudentSettings]:
    """A distilled student as it is, and, if it heeds a budget, with every one of `sizes`."""
    settings = distilled.settings
    kind, as_it_is = type(settings), settings.model_dump()
    if not heeds_budgets(kind):
        return [settings]
    values = _values(kind, [as_it_is["supertokens"]], sizes)
    return [settings, *(kind.model_validate({**as_it_is, **each}) for each in values)]


def _values(
    kind: type[StudentSettings], supertokens: Sequence[int], sizes: Sizes
) -> list[dict[str, int]]:
    if "supertokens" not in kind.model_fields:
        return [{}]
    if not heeds_budgets(kind):
        return [{"supertokens": number} for number in supertokens]
    return [
        {"supertokens": number, "budget": budget}
        for number in supertokens
        for budget in sizes.budgets
        if number <= budget <= sizes.architecture.patches
    ]
