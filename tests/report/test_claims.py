from collections.abc import Callable

import pytest

from foundry_bench.report.pictures import fig2_data
from foundry_bench.report.reading import read_results
from foundry_bench.report.statements import Statement
from tests.report.example_sweeps import fill_baselines, fill_budget, fill_gate, fill_losses
from tests.report.examples import ExampleSweep
from tests.report.summaries import read

MakeSweep = Callable[..., ExampleSweep]
WOBBLE = (-0.001, 0.0, 0.001)


def _about(sweep: ExampleSweep, words: str) -> list[Statement]:
    _, _, summary = read(sweep)
    return [each for each in read_results(summary, fig2_data(summary)) if words in each.text]


def _mechanisms(sweep: ExampleSweep, fps: float, kmeans: float) -> Statement:
    for seed, shift in enumerate(WOBBLE):
        sweep.trial("main", "foundry", seed, 0.90 + shift, supertokens=16)
        sweep.trial("control", "fps_student", seed, fps - shift, supertokens=16)
        sweep.trial("control", "kmeans_student", seed, kmeans + shift, supertokens=16)
    (found,) = _about(sweep, "ahead of FPS")
    return found


def test_the_order_of_the_paper_agrees(make_sweep: MakeSweep) -> None:
    found = _mechanisms(make_sweep(), fps=0.88, kmeans=0.76)

    assert found.verdict == "agrees"
    assert found.text.startswith("At s = 16, foundry against fps student +2.0 points [")


@pytest.mark.parametrize(
    ("fps", "kmeans", "verdict"),
    [(0.92, 0.76, "disagrees"), (0.90, 0.76, "undecided"), (0.76, 0.88, "disagrees")],
)
def test_another_order_does_not_agree(
    make_sweep: MakeSweep, fps: float, kmeans: float, verdict: str
) -> None:
    assert _mechanisms(make_sweep(), fps, kmeans).verdict == verdict


def test_each_s_has_its_own_order(make_sweep: MakeSweep) -> None:
    found = _about(fill_baselines(make_sweep()), "ahead of FPS")

    assert [each.text.partition(",")[0] for each in found] == ["At s = 4", "At s = 16"]
    assert {each.verdict for each in found} == {"disagrees"}


def test_many_controls_have_a_sentence_each(make_sweep: MakeSweep) -> None:
    found = _about(fill_baselines(make_sweep()), "against the main student of the same s")

    assert [each.text.partition(" against")[0] for each in found] == [
        "Fps student", "Kmeans student", "Random student", "Tome"
    ]  # fmt: skip


def test_losses_are_compared_on_the_same_target(make_sweep: MakeSweep) -> None:
    (found,) = _about(fill_losses(make_sweep()), "Smooth-L1 ahead of MSE")

    assert found.verdict == "agrees"
    assert "against foundry, loss mse (target norm layer): +2.0 points" in found.text


def test_what_a_halving_of_the_budget_costs_is_told(make_sweep: MakeSweep) -> None:
    (found,) = _about(fill_budget(make_sweep()), "a halving of the budget costs")

    assert found.verdict is None
    assert "From a budget of 32 to 16 tokens classification accuracy changes by" in found.text


def test_a_budget_sweep_is_told_by_budgets(make_sweep: MakeSweep) -> None:
    sweep = fill_budget(make_sweep())

    assert _about(sweep, "rises from budget = 4 (80.0")
    assert _about(sweep, "Inference only against the main student of the same budget")
    assert not _about(sweep, "Spearman")


def test_kept_tokens_are_told_by_lambda(make_sweep: MakeSweep) -> None:
    (found,) = _about(fill_gate(make_sweep()), "Tokens kept")

    assert "31.0 at λ = 0, 29.0 at λ = 0.001" in found.text
    assert found.verdict is None


def test_equal_ratios_are_compared(make_sweep: MakeSweep) -> None:
    (found,) = _about(fill_gate(make_sweep(), (1e-3, 1e-2)), "Students of the same λ/ε")

    assert "differ by at most 0.0 kept tokens" in found.text
    assert "over 2 values of λ/ε" in found.text
    assert not _about(fill_gate(make_sweep("plain")), "λ/ε")
