from collections.abc import Callable
from typing import Any

import pytest

from foundry_bench.report.study.costs import GMACS, WEIGHTS, Costs, add_costs
from tests.report.example_costs import profile
from tests.report.examples import ExampleSweep
from tests.report.summaries import read

MakeSweep = Callable[..., ExampleSweep]
GATE = {"name": "foundry_gate", "supertokens": 2, "gate_lambda": 0.01, "budget": None}


def costs_of(sweep: ExampleSweep) -> Costs:
    evidence, runs, _ = read(sweep)
    return add_costs(runs, evidence)


def gmacs(sweep: ExampleSweep) -> float | None:
    (run,) = costs_of(sweep).runs
    return run.numbers.get(GMACS, (None,))[0]


def test_a_run_costs_what_the_profile_of_its_settings_says_without_the_head(
    make_sweep: MakeSweep,
) -> None:
    sweep = make_sweep()
    sweep.trial("main", "foundry", 0, 0.8, supertokens=4)
    for count in (2, 4, 8):
        metrics = {"macs": count * 1e9 + 7e8, "macs_head": 7e8, "weight_bytes_fp32": 2.0**21}
        profile(sweep, {"name": "foundry", "supertokens": count}, metrics, key=str(count))

    found = costs_of(sweep)

    assert found.runs[0].numbers[GMACS][0] == pytest.approx(4.0)
    assert found.runs[0].numbers[WEIGHTS["fp32"]][0] == 2.0
    assert found.runs[0].numbers[GMACS][1] == "profile-4"
    assert found.measures == (GMACS, WEIGHTS["fp32"])


@pytest.mark.parametrize(
    ("changed", "is_same"),
    [
        ({"gate_lambda": 0.3}, True),
        ({"supertokens": 4}, False),
        ({"name": "foundry"}, False),
        ({"unheard_of": 1}, True),
    ],
)
def test_only_settings_that_decide_what_is_computed_tell_students_apart(
    make_sweep: MakeSweep, changed: dict[str, Any], is_same: bool
) -> None:
    sweep = make_sweep()
    student = {**GATE, "budget": 8}
    sweep.trial("main", "foundry_gate", 0, 0.8, student=student)
    profile(sweep, {**student, **changed}, {"macs": 1e9}, key="one")
    assert gmacs(sweep) == (1.0 if is_same else None)


@pytest.mark.parametrize(("tokens", "expected"), [(7.6, 8.0), (9.1, 9.0), (11.0, None)])
def test_a_gate_without_a_budget_costs_what_its_clouds_let_through(
    make_sweep: MakeSweep, tokens: float, expected: float | None
) -> None:
    sweep = make_sweep()
    sweep.trial("main", "gate", 0, 0.8, student=GATE, activity={"encoder_tokens": tokens})
    for budget in (8, 9):
        profile(sweep, {**GATE, "budget": budget}, {"macs": budget * 1e9}, key=str(budget))
    assert gmacs(sweep) == expected


def test_the_profile_of_a_gate_with_its_own_weights_goes_before_budgets(
    make_sweep: MakeSweep,
) -> None:
    sweep = make_sweep()
    activity = {"encoder_tokens": 8.0}
    sweep.trial("main", "gate", 0, 0.8, student=GATE, loss=0.1, activity=activity)
    profile(sweep, {**GATE, "budget": 8}, {"macs": 8e9}, key="a")
    own = {"distill": "distill-gate-sNone-seed0"}
    profile(sweep, GATE, {"macs": 5e9}, key="b", inputs=own)
    profile(sweep, GATE, {"macs": 6e9}, key="c", inputs={"distill": "another"})
    assert gmacs(sweep) == 5.0


def test_another_teachers_student_is_another(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    stage = sweep.stage("tune", "evaluate", task="probe", inputs={"teacher": "aa"}, metrics={})
    sweep.trial("main", "foundry", 0, None, supertokens=4, stages=[stage])
    student = {"name": "foundry", "supertokens": 4}
    profile(sweep, student, {"macs": 1e9}, key="other", inputs={"teacher": "bb"})
    assert gmacs(sweep) is None


def test_weights_decide_nothing(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    stage = sweep.stage("tune", "evaluate", task="probe", inputs={"teacher": "aa"}, metrics={})
    sweep.trial("main", "foundry", 0, None, supertokens=4, stages=[stage])
    student = {"name": "foundry", "supertokens": 4}
    profile(sweep, None, {"macs": 3e9}, key="teacher", inputs={"teacher": "aa"})
    profile(sweep, student, {"macs": 1e9}, key="random", inputs={"teacher": "bb"})
    assert gmacs(sweep) == 1.0


def test_of_two_timings_alike_the_newer_counts_and_other_conditions_are_other_costs(
    make_sweep: MakeSweep,
) -> None:
    sweep = make_sweep()
    sweep.trial("main", "foundry", 0, 0.8, supertokens=4)
    student = {"name": "foundry", "supertokens": 4}
    setup: dict[str, Any] = {"mode": "eager", "precision": "fp32", "threads": 1}
    for key, batch, ms, when in (("z", 1, 9.0, "2020"), ("a", 1, 5.0, "2021"), ("b", 8, 70.0, "")):
        metrics = {"latency_ms_median": ms}
        profile(sweep, student, metrics, key=key, batch=batch, measured=when, **setup)

    found = costs_of(sweep)

    one, eight = found.measures
    assert one.axis == "latency, batch 1, eager fp32, 1 thread (ms)"
    assert [found.runs[0].numbers[each][0] for each in (one, eight)] == [5.0, 70.0]
    assert found.setups[eight].device == "Example CPU (2 cores)"


def test_a_later_timing_of_a_few_does_not_mix_with_one_of_all(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    setup: dict[str, Any] = {"batch": 1, "mode": "eager", "precision": "fp32", "threads": 1}
    for count in (4, 16):
        sweep.trial("main", "foundry", 0, 0.8, supertokens=count)
        student = {"name": "foundry", "supertokens": count}
        first = {"latency_ms_median": float(count)}
        profile(sweep, student, first, key=f"a{count}", measured="2020", **setup)
    later = {"latency_ms_median": 99.0}
    profile(sweep, student, later, key="b", measured="2021", **setup)

    found = costs_of(sweep)

    (latency,) = found.measures
    assert [run.numbers[latency][0] for run in found.runs] == [4.0, 16.0]


def test_the_reading_of_the_papers_figures_is_no_students_cost(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    sweep.trial("main", "foundry", 0, 0.8, supertokens=4)
    student = {"name": "foundry", "supertokens": 4}
    profile(sweep, student, {"macs": 1e9}, key="read", preset="paper_count")
    assert gmacs(sweep) is None


def test_a_count_with_the_head_that_labels_points_is_no_students_cost(
    make_sweep: MakeSweep,
) -> None:
    sweep = make_sweep()
    sweep.trial("main", "foundry", 0, 0.8, supertokens=4)
    student = {"name": "foundry", "supertokens": 4}
    profile(sweep, student, {"macs": 3e9, "macs_head": 1e9}, key="parts", classes=16, parts=50)
    assert gmacs(sweep) is None


def test_a_cost_is_of_the_device_that_was_measured(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    sweep.trial("main", "foundry", 0, 0.8, supertokens=4)
    hardware = {"kind": "cuda", "name": "Example GPU"}
    metrics = {"latency_ms_median": 1.0}
    student = {"name": "foundry", "supertokens": 4}
    profile(sweep, student, metrics, key="gpu", batch=1, hardware=hardware)
    (setup,) = costs_of(sweep).setups.values()
    assert setup.device == "Example GPU"


def test_a_cost_that_is_not_finite_is_none(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    sweep.trial("main", "foundry", 0, 0.8, supertokens=4)
    profile(sweep, {"name": "foundry", "supertokens": 4}, {"macs": float("nan")}, key="odd")
    assert gmacs(sweep) is None
