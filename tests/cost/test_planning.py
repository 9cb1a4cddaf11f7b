from pathlib import Path

import pytest

from foundry_bench.cost.distilled import Distilled
from foundry_bench.cost.planning import Sizes, plan_students, with_budgets
from foundry_bench.errors import FoundryError
from foundry_bench.registries import STUDENTS
from foundry_bench.students.foundry import FoundrySettings
from foundry_bench.students.foundry_gate import FoundryGateSettings
from foundry_bench.students.narrow import NarrowSettings
from foundry_bench.testing.tiny import TINY

SIZES = Sizes(supertokens=(1, 4, 16), budgets=(2, 4, 8, 64), architecture=TINY)


def of(name: str) -> list[tuple[int, int | None]]:
    students, _ = plan_students([name], SIZES)
    return [(each.supertokens, getattr(each, "budget", None)) for each in students]  # type: ignore[attr-defined]


def test_a_student_comes_with_each_number_of_supertokens_that_its_teacher_allows() -> None:
    assert of("foundry") == [(1, None), (4, None)]
    assert of("tome") == [(4, None)]


def test_what_a_teacher_does_not_allow_is_told() -> None:
    _, skipped = plan_students(["tome"], SIZES)
    assert [text.split(":")[:2] for text in skipped] == [["tome", " supertokens"]] * 2
    assert "1 is less than the 2 that 2 blocks leave" in skipped[0]
    assert "16 is more than the teacher's 8 tokens" in skipped[1]


def test_a_gate_comes_with_each_budget_that_holds_its_supertokens() -> None:
    assert of("foundry_gate") == [(1, 2), (1, 4), (1, 8), (4, 4), (4, 8)]


def test_a_student_without_supertokens_comes_once() -> None:
    assert plan_students(["narrow"], SIZES) == ([NarrowSettings()], [])


def test_every_registered_student_can_be_planned() -> None:
    planned = {each.name for each in plan_students(list(STUDENTS), SIZES)[0]}
    assert planned == set(STUDENTS)


def test_an_unknown_student_gets_the_nearest() -> None:
    with pytest.raises(FoundryError, match="did you mean 'foundry'"):
        plan_students(["fundry"], SIZES)


def test_a_distilled_gate_comes_as_it_is_and_with_budgets() -> None:
    gate = FoundryGateSettings(supertokens=4, gate_lambda=0.5)
    found = with_budgets(Distilled(gate, 0, "key", Path()), SIZES)
    assert found == [gate, *(gate.model_copy(update={"budget": size}) for size in (4, 8))]
    plain = FoundrySettings(supertokens=4)
    assert with_budgets(Distilled(plain, 0, "key", Path()), SIZES) == [plain]
