from collections.abc import Callable

import pytest

from foundry_bench.report.analysis.relation import relate
from foundry_bench.report.figures.along_axis import gate_profile, profile
from foundry_bench.report.study.levels import BUDGET, GATE_LAMBDA, LAMBDA_TO_EPS, SUPERTOKENS
from foundry_bench.report.study.measures import DISTILL_LOSS, HELDOUT_NMSE
from tests.report.example_sweeps import (
    BUDGETS,
    LAMBDAS,
    fill_baselines,
    fill_budget,
    fill_gate,
    fill_losses,
)
from tests.report.examples import ExampleSweep
from tests.report.summaries import read

MakeSweep = Callable[..., ExampleSweep]


def test_a_budget_sweep_is_read_along_its_budgets(make_sweep: MakeSweep) -> None:
    _, _, summary = read(fill_budget(make_sweep()))

    data = profile(summary, summary.results[0])

    assert summary.axis == BUDGET
    assert data is not None
    assert {name: role for name, (role, _) in data.series.items()} == {
        "foundry gate": "main",
        "oracle": "ablation",
        "random choice": "ablation",
        "inference only": "ablation",
    }
    assert [mark.x for mark in data.series["foundry gate"][1]] == list(BUDGETS)
    assert [line.variant for line in data.baselines] == ["teacher", "not_distilled", "scratch"]
    assert {line.get("budget") for line in data.lines()} == {*BUDGETS, None}


def test_one_distillation_for_all_budgets_relates_to_nothing(make_sweep: MakeSweep) -> None:
    _, _, summary = read(fill_budget(make_sweep()))

    assert relate(summary, DISTILL_LOSS, summary.results[0]) is None


def test_a_gate_sweep_has_the_kept_tokens_below_the_result(make_sweep: MakeSweep) -> None:
    _, _, summary = read(fill_gate(make_sweep()))

    data = gate_profile(summary, summary.results[0], GATE_LAMBDA)

    assert data is not None
    assert list(data.result.series) == list(data.kept.series) == ["foundry gate", "no gradient"]
    _, marks = data.kept.series["foundry gate"]
    assert [mark.x for mark in marks] == list(LAMBDAS)
    assert [mark.interval.mean for mark in marks] == pytest.approx([31.0, 29.0, 20.0, 1.0])
    assert data.kept.baselines == ()
    assert data.num_tokens == 32.0
    assert {line["measure"] for line in data.lines()} == {"accuracy", "kept_tokens"}


def test_over_lambda_by_epsilon_equal_ratios_fall_on_each_other(make_sweep: MakeSweep) -> None:
    _, _, summary = read(fill_gate(make_sweep(), (1e-3, 1e-2)))

    data = gate_profile(summary, summary.results[0], LAMBDA_TO_EPS)

    assert data is not None
    first, second = (
        {mark.x: mark.interval.mean for mark in marks} for _, marks in data.kept.series.values()
    )
    assert sorted(first.keys() & second.keys()) == [0.0, 1.0, 10.0]
    for ratio in first.keys() & second.keys():
        assert first[ratio] == pytest.approx(second[ratio])


def test_many_ablations_are_left_out_of_a_relation(make_sweep: MakeSweep) -> None:
    sweep = fill_baselines(make_sweep())
    for name in ("a", "b", "c"):
        sweep.trial("ablation", name, 0, 0.8, supertokens=4, loss=0.1)
    _, _, summary = read(sweep)

    data = relate(summary, DISTILL_LOSS, summary.results[0])

    assert data is not None
    assert not data.has_all
    assert {each.series for each in data.clusters} == {"foundry"}


def test_losses_of_several_kinds_relate_to_nothing(make_sweep: MakeSweep) -> None:
    _, _, summary = read(fill_losses(make_sweep()))

    assert relate(summary, DISTILL_LOSS, summary.results[0]) is None
    assert relate(summary, HELDOUT_NMSE, summary.results[0]) is not None


def test_without_kept_tokens_there_is_no_gate_profile(full_sweep: ExampleSweep) -> None:
    _, _, summary = read(full_sweep)

    assert gate_profile(summary, summary.results[0], SUPERTOKENS) is None


def test_a_second_axis_is_part_of_the_name(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    for count in (4, 16):
        for budget in (16, 24, 32):
            sweep.trial(
                "main",
                "foundry_gate",
                0,
                0.8 + (count + budget) / 1000,
                supertokens=count,
                student={"budget": budget},
                varies={"student.supertokens": count, "student.budget": budget},
                tag=f"-{budget}",
            )
    _, _, summary = read(sweep)

    over_budget, over_supertokens = (
        profile(summary, summary.results[0], axis) for axis in (BUDGET, SUPERTOKENS)
    )

    assert summary.axis == BUDGET
    assert summary.axes == [SUPERTOKENS, BUDGET]
    assert over_budget is not None
    assert list(over_budget.series) == ["foundry gate, s = 4", "foundry gate, s = 16"]
    assert over_supertokens is not None
    assert list(over_supertokens.series) == [
        "foundry gate, budget = 16",
        "foundry gate, budget = 24",
        "foundry gate, budget = 32",
    ]
