"""Results along a setting."""

from pathlib import Path

import pytest

from foundry_bench.report.plots.metric_vs_setting import plot
from tests.report.examples import ExampleSweep
from tests.report.plots.sweeps import check_drawing, gallery_sweep, published_figure, sweep_in


@pytest.mark.parametrize(
    ("sweep", "names"),
    [
        ("supertokens", ["accuracy_vs_supertokens", "probe_accuracy_vs_supertokens"]),
        ("budget", ["accuracy_vs_budget", "probe_accuracy_vs_budget"]),
        ("gate", ["accuracy_vs_gate_lambda"]),
        (
            "gate_epsilon",
            ["probe_accuracy_vs_gate_lambda", "probe_accuracy_vs_lambda_to_eps"],
        ),
        ("losses", []),  # one level
        ("baselines", []),  # more series than markers tell apart
        ("search", []),
    ],
)
def test_settings_that_vary_have_a_figure(sweep: str, names: list[str]):
    assert [each.name for each in plot(gallery_sweep(sweep))] == names


@pytest.mark.parametrize("sweep", ["supertokens", "gate"])
def test_it_draws(sweep: str):
    check_drawing(next(iter(plot(gallery_sweep(sweep)))))


def test_means_and_intervals_are_those_published():
    data = next(iter(plot(gallery_sweep("supertokens")))).data
    known = published_figure("supertokens", "accuracy_vs_supertokens")
    known = known[known["what"] == "mean"]
    students = data[data["role"] != "baseline"].astype({"supertokens": int})
    merged = students.merge(known, on=["role", "series", "supertokens"])
    assert len(merged) == len(known) == len(students)
    for mine, theirs in (("mean", "y"), ("low", "y_low"), ("high", "y_high")):
        assert merged[mine].tolist() == pytest.approx(merged[theirs].tolist())


def test_another_number_of_the_sweep_file_is_an_axis(tmp_path: Path):
    sweep = ExampleSweep(tmp_path)
    for std in (0.1, 1.0):
        for seed in range(3):
            sweep.trial(
                *("main", "foundry", seed, 0.5 + std / 10 + seed / 100),
                supertokens=4,
                student={"init_std": std},
                varies={"student.init_std": std},
                tag=f"-{std}",
            )
    plots = list(plot(sweep_in(tmp_path)))
    assert [each.name for each in plots] == ["accuracy_vs_student_init_std"]
    assert plots[0].data["line"].unique().tolist() == ["foundry"]
    check_drawing(plots[0])
