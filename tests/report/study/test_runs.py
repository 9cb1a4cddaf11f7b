from collections.abc import Callable

import pytest

from foundry_bench.report.study.measures import ENCODER_TOKENS, KEPT_TOKENS
from foundry_bench.report.study.runs import INFERENCE_ONLY
from tests.report.example_sweeps import BUDGETS, fill_budget
from tests.report.examples import ExampleSweep
from tests.report.summaries import read

MakeSweep = Callable[..., ExampleSweep]


def test_activity_is_what_the_first_task_saw(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    metrics = {"accuracy": 0.9, "encoder_tokens": 12.0}
    tuned = sweep.stage("tuned", "evaluate", task="classification", metrics=metrics)
    probed = sweep.stage("probed", "evaluate", task="probe", metrics={"encoder_tokens": 7.0})
    distilled = sweep.stage(
        "distilled", "distill", metrics={"encoder_tokens": 20.0, "kept_tokens": 16.0}
    )
    stages = [distilled, probed, tuned]
    sweep.trial("main", "foundry_gate", 0, None, supertokens=4, stages=stages)

    _, runs, _ = read(sweep)

    assert runs[0].numbers[ENCODER_TOKENS][0] == 12.0
    assert runs[0].numbers[KEPT_TOKENS][0] == 16.0
    assert runs[0].numbers[ENCODER_TOKENS][1] == "tuned"


def test_smaller_budgets_of_the_largest_are_runs_of_a_ablation(make_sweep: MakeSweep) -> None:
    _, runs, summary = read(fill_budget(make_sweep()))

    extra = [run for run in runs if run.variant == INFERENCE_ONLY]

    assert {run.role for run in extra} == {"ablation"}
    assert {run.series.name for run in extra} == {"inference only"}
    assert [run.level.budget for run in extra if run.seed == 1] == list(BUDGETS)
    accuracy = summary.results[0]
    assert [run.numbers[accuracy][0] for run in extra if run.seed == 1] == pytest.approx(
        [70.0, 75.0, 80.0, 85.0]
    )


def test_other_budgets_of_smaller_ones_are_left_out(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    for budget in (8, 16):
        varies = {"student.budget": budget}
        sweep.trial(
            "main",
            "foundry_gate",
            0,
            0.9,
            supertokens=4,
            student={"budget": budget},
            at_budget={4: budget / 100},
            varies=varies,
            tag=f"-{budget}",
        )

    _, runs, summary = read(sweep)

    values = [run.numbers[summary.results[0]][0] for run in runs if run.variant == INFERENCE_ONLY]
    assert values == pytest.approx([16.0])


def test_a_number_that_only_tells_series_apart_is_no_level(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    for name, weight in (("weak", 0.01), ("strong", 0.1)):
        student = {"name": "foundry_gate", "gate_lambda": weight}
        sweep.trial("ablation", name, 0, 0.9, supertokens=4, student=student)

    _, runs, _ = read(sweep)

    assert {run.level.text for run in runs} == {"s = 4"}


def test_baselines_at_several_budgets_are_not_one(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    for budget in (8, 32):
        sweep.trial(
            "baseline",
            "not_distilled",
            0,
            budget / 100,
            supertokens=4,
            student={"budget": budget},
            varies={"student.budget": budget},
            tag=f"-{budget}",
        )

    _, _, summary = read(sweep)

    means = [group.interval(summary.results[0]).mean for group in summary.of_role("baseline")]
    assert means == pytest.approx([8.0, 32.0])
