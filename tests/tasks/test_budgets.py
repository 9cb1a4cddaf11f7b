from foundry_bench.students.foundry_gate import FoundryGate, FoundryGateSettings
from foundry_bench.tasks.budgets import at_budgets
from foundry_bench.testing import tiny_teacher


def test_a_gated_student_is_measured_at_the_budgets_it_can_be_given() -> None:
    student = FoundryGate(tiny_teacher(), FoundryGateSettings(supertokens=3, budget=6))
    found = at_budgets(student, (2, 3, 5), lambda: {"mean": float(student.budget or -1)})
    assert found == {"mean_at_budget_3": 3.0, "mean_at_budget_5": 5.0}
    assert student.budget == 6


def test_a_backbone_without_a_budget_is_measured_at_none() -> None:
    assert at_budgets(tiny_teacher(), (3, 5), lambda: {"mean": 1.0}) == {}
