from collections.abc import Callable

from foundry_bench.report.figures.collect import fig2_data
from foundry_bench.report.sentences.results import read_results
from tests.report.example_sweeps import fill_baselines, fill_budget, fill_gate, fill_losses
from tests.report.examples import ExampleSweep
from tests.report.summaries import read

MakeSweep = Callable[..., ExampleSweep]


def _about(sweep: ExampleSweep, words: str) -> list[str]:
    _, _, summary = read(sweep)
    return [each for each in read_results(summary, fig2_data(summary)) if words in each]


def test_many_ablations_have_a_sentence_each(make_sweep: MakeSweep) -> None:
    found = _about(fill_baselines(make_sweep()), "against the main student of the same s")

    assert [each.partition(" against")[0] for each in found] == [
        "Fps student", "Kmeans student", "Random student", "Tome"
    ]  # fmt: skip


def test_losses_are_compared_on_the_same_target(make_sweep: MakeSweep) -> None:
    (found,) = _about(fill_losses(make_sweep()), "against foundry, loss mse (target")

    assert "against foundry, loss mse (target norm layer): +2.0 points" in found


def test_what_a_halving_of_the_budget_costs_is_told(make_sweep: MakeSweep) -> None:
    (found,) = _about(fill_budget(make_sweep()), "a halving of the budget costs")

    assert "From a budget of 32 to 16 tokens classification accuracy changes by" in found


def test_a_budget_sweep_is_told_by_budgets(make_sweep: MakeSweep) -> None:
    sweep = fill_budget(make_sweep())

    assert _about(sweep, "rises from budget = 4 (80.0")
    assert _about(sweep, "Inference only against the main student of the same budget")
    assert not _about(sweep, "Spearman")


def test_kept_tokens_are_told_by_lambda(make_sweep: MakeSweep) -> None:
    (found,) = _about(fill_gate(make_sweep()), "Tokens kept")

    assert "31.0 at λ = 0, 29.0 at λ = 0.001" in found


def test_equal_ratios_are_compared(make_sweep: MakeSweep) -> None:
    (found,) = _about(fill_gate(make_sweep(), (1e-3, 1e-2)), "Students of the same λ/ε")

    assert "differ by at most 0.0 kept tokens" in found
    assert "over 2 values of λ/ε" in found
    assert not _about(fill_gate(make_sweep("plain")), "λ/ε")
