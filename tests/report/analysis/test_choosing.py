from collections.abc import Callable
from dataclasses import replace

import pytest

from foundry_bench.errors import FoundryError
from foundry_bench.report.analysis.choosing import Choice, Wanted, choose, find_limits, find_result
from foundry_bench.report.records.rows import tidy_rows
from foundry_bench.report.study.costs import Costs, add_costs
from foundry_bench.report.study.runs import measures_in
from foundry_bench.report.study.summary import Summary, summarise
from tests.report.example_costs import fill_costs, profile
from tests.report.examples import ExampleSweep
from tests.report.summaries import read

MakeSweep = Callable[..., ExampleSweep]


def read_costs(sweep: ExampleSweep) -> tuple[Costs, Summary]:
    evidence, runs, _ = read(sweep)
    costs = add_costs(runs, evidence)
    return costs, summarise(costs.runs, measures_in(tidy_rows(evidence)))


def choice_of(sweep: ExampleSweep, wanted: Wanted) -> Choice:
    costs, summary = read_costs(sweep)
    return choose(summary, find_result(summary, None, None), find_limits(wanted, costs))


@pytest.mark.parametrize(
    ("wanted", "best"),
    [
        (Wanted(), "foundry at s = 16"),
        (Wanted(gmacs=0.0259), "soft at s = 8"),
        (Wanted(gmacs=0.0179), "foundry at s = 4"),
        (Wanted(gmacs=0.02, weights_mib=2.5), "foundry at s = 4"),
        (Wanted(latency_ms=11.5), "foundry at s = 1"),
    ],
)
def test_the_best_within_all_limits_is_chosen(
    make_sweep: MakeSweep, wanted: Wanted, best: str
) -> None:
    sweep = fill_costs(make_sweep())
    for seed in range(3):
        sweep.trial("ablation", "soft", seed, 0.81, supertokens=8, student=SOFT)
    assert choice_of(sweep, wanted).name == best


SOFT = {"assignment": {"name": "soft"}}


def test_a_runner_up_that_chance_may_have_put_there_is_not_told_apart(
    make_sweep: MakeSweep,
) -> None:
    choice = choice_of(fill_costs(make_sweep()), Wanted(gmacs=0.02))
    apart = {rival.name: rival.is_told_apart for rival in choice.rivals}
    assert apart == {"soft at s = 8": False, "foundry at s = 1": True} or apart == {
        "foundry at s = 4": False,
        "foundry at s = 1": True,
    }


def test_the_teacher_is_held_against_the_same_limits(make_sweep: MakeSweep) -> None:
    sweep = fill_costs(make_sweep())
    assert choice_of(sweep, Wanted(gmacs=0.02)).teacher_fits is False
    assert choice_of(sweep, Wanted(gmacs=1.0)).teacher_fits is True
    assert choice_of(sweep, Wanted(latency_ms=100.0)).teacher_fits is None


def test_nothing_within_the_limits_names_the_nearest(make_sweep: MakeSweep) -> None:
    with pytest.raises(FoundryError) as caught:
        choice_of(fill_costs(make_sweep()), Wanted(gmacs=0.001, latency_ms=50.0))
    assert "none of 4 students is within the limits" in str(caught.value)
    assert "foundry at s = 1: MACs of a cloud 0.011 G (--max-gmacs 0.001)" in str(caught.value)
    assert "latency" not in str(caught.value)


def test_who_was_not_measured_is_named_and_not_chosen(make_sweep: MakeSweep) -> None:
    sweep = fill_costs(make_sweep())
    for seed in range(3):
        sweep.trial("main", "foundry", seed, 0.99, supertokens=32)
    choice = choice_of(sweep, Wanted(gmacs=1.0))
    assert choice.name == "foundry at s = 16"
    assert [each.name for each in choice.unknown] == ["foundry at s = 32"]


def test_a_single_lucky_seed_does_not_win_against_three(make_sweep: MakeSweep) -> None:
    sweep = fill_costs(make_sweep())
    sweep.trial("main", "foundry", 0, 0.99, supertokens=2)
    profile(sweep, {"name": "foundry", "supertokens": 2}, {"macs": 1e6}, key="count-2")
    assert choice_of(sweep, Wanted()).name == "foundry at s = 16"


def test_a_student_that_lost_one_of_many_seeds_is_chosen_among(make_sweep: MakeSweep) -> None:
    sweep = fill_costs(make_sweep())
    for seed in range(3, 5):
        sweep.trial("main", "foundry", seed, 0.70, supertokens=1)
    assert choice_of(sweep, Wanted()).name == "foundry at s = 16"


def test_a_single_seed_is_chosen_among_where_all_have_but_one(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    sweep.trial("main", "foundry", 0, 0.8, supertokens=1)
    assert choice_of(sweep, Wanted()).name == "foundry at s = 1"


def test_students_on_different_data_are_not_chosen_among(make_sweep: MakeSweep) -> None:
    sweep = make_sweep().fill_two_difficulties()
    with pytest.raises(FoundryError, match=r"varies data or training \(difficulty 0.2; diff"):
        choice_of(sweep, Wanted())


def test_a_cost_without_records_has_no_measure(make_sweep: MakeSweep) -> None:
    costs, _ = read_costs(fill_costs(make_sweep(), latency=False))
    (limit,) = find_limits(Wanted(latency_ms=3.0), costs)
    assert limit.measure is None
    (limit,) = find_limits(Wanted(gmacs=3.0), costs)
    assert limit.measure is not None


def test_measurements_count_under_the_conditions_that_were_asked_for(
    make_sweep: MakeSweep,
) -> None:
    costs, _ = read_costs(fill_costs(make_sweep()))
    wanted = Wanted(latency_ms=3.0, device="example", threads=1)
    assert find_limits(wanted, costs)[0].measure is not None
    for other in ({"batch": 8}, {"mode": "compiled"}, {"threads": 2}, {"device": "GPU"}):
        assert find_limits(replace(wanted, **other), costs)[0].measure is None, other


def test_two_devices_have_to_be_told_apart(make_sweep: MakeSweep) -> None:
    sweep = fill_costs(make_sweep())
    student = {"name": "foundry", "supertokens": 4}
    metrics = {"latency_ms_median": 1.0}
    setup = {"batch": 1, "mode": "eager", "precision": "fp32", "threads": 1}
    profile(sweep, student, metrics, key="other", device="Fast GPU", **setup)
    costs, _ = read_costs(sweep)
    with pytest.raises(FoundryError, match=r"several devices.*say which by --device"):
        find_limits(Wanted(latency_ms=3.0), costs)
    assert find_limits(Wanted(latency_ms=3.0, device="gpu"), costs)[0].measure is not None


@pytest.mark.parametrize(
    ("task", "metric", "message"),
    [("probes", None, "--task: unknown task 'probes'"), (None, "acc", "--metric: unknown metric")],
)
def test_a_result_that_is_not_there_is_the_users_error(
    make_sweep: MakeSweep, task: str | None, metric: str | None, message: str
) -> None:
    _, summary = read_costs(fill_costs(make_sweep()))
    with pytest.raises(FoundryError, match=message):
        find_result(summary, task, metric)


def test_an_unknown_precision_is_the_users_error(make_sweep: MakeSweep) -> None:
    costs, _ = read_costs(fill_costs(make_sweep()))
    with pytest.raises(FoundryError, match="--precision: unknown precision 'int4'"):
        find_limits(Wanted(weights_mib=1.0, precision="int4"), costs)
