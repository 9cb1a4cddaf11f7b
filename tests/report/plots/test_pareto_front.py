"""Results against costs."""

import pandas as pd
import pytest

from foundry_bench.report.plots.answers import find_answers
from foundry_bench.report.plots.costs import MACS, with_latency
from foundry_bench.report.plots.pareto_front import find_front, plot
from tests.report.plots.sweeps import check_drawing, gallery_sweep, published_figure


@pytest.mark.parametrize(
    ("sweep", "names"),
    [
        ("baselines", ["accuracy_vs_gmacs", "accuracy_vs_weight_mib_fp32"]),
        ("supertokens", ["accuracy_vs_gmacs"]),  # all have the same weights
        ("search", ["accuracy_vs_gmacs", "accuracy_vs_weight_mib_fp32"]),
        ("views", []),  # trained on different data
    ],
)
def test_costs_that_tell_students_apart_have_a_figure(sweep: str, names: list[str]):
    assert [each.name for each in plot(gallery_sweep(sweep))] == names


@pytest.mark.parametrize("sweep", ["baselines", "budget", "search"])
def test_it_draws(sweep: str):
    check_drawing(next(iter(plot(gallery_sweep(sweep)))))


@pytest.mark.parametrize("sweep", ["baselines", "search", "budget"])
def test_the_front_is_the_one_published(sweep: str):
    data = next(iter(plot(gallery_sweep(sweep)))).data
    known = published_figure(sweep, "accuracy_vs_gmacs")
    mine, theirs = (each[each["what"] == "student"] for each in (data, known))
    assert mine["series"].tolist() == theirs["series"].tolist()
    assert mine["place"].tolist() == pytest.approx(theirs["front"].tolist(), nan_ok=True)
    assert mine["x"].tolist() == pytest.approx(theirs["gmacs"].tolist())
    assert mine["y"].tolist() == pytest.approx(theirs["accuracy"].tolist())


def test_where_lower_is_better_the_least_is_on_the_front():
    frame = gallery_sweep("supertokens").frame
    answer = find_answers(frame)[0]
    is_own = frame["metric"] == answer.metric
    error = frame.assign(
        value=frame["value"].where(~is_own, 1 - frame["value"]),
        direction=frame["direction"].where(~is_own, "lower"),
    )
    fronts = [find_front(each, answer, MACS) for each in (frame, error)]
    places = [set(each.loc[each["is_on_front"], "x"]) for each in fronts if each is not None]
    flipped = find_answers(error)[0]
    assert flipped.direction == "lower"
    assert len(places) == 2
    assert places[0] == places[1]


def test_latency_is_under_the_condition_that_most_trials_have():
    sweep = gallery_sweep("supertokens")
    trials = sweep.frame["trial"].unique()
    lines = [(trial, "CPU", 1, 10.0 + place) for place, trial in enumerate(trials)]
    lines += [(trial, "GPU", 32, 1.0) for trial in trials[:3]]
    times = pd.DataFrame(lines, columns=["trial", "device", "batch", "value"]).assign(
        sweep=sweep.name, cost="latency_ms", mode="eager", precision="fp32", threads=None
    )
    frame, (cost,) = with_latency(sweep.frame, times)
    assert cost.condition == "CPU, batch 1, eager, fp32"
    of_first = frame.loc[frame["trial"] == trials[0], "latency_ms"]
    assert of_first.unique().tolist() == [10.0]
    front = find_front(frame, find_answers(frame)[0], cost)
    assert front is not None
    assert front["x"].min() >= 10
