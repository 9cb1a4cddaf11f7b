"""Distillation loss against a result."""

import pytest

from foundry_bench.report.plots.loss_vs_accuracy import plot
from tests.report.plots.sweeps import check_drawing, gallery_sweep, published_figure


@pytest.mark.parametrize(
    ("sweep", "names"),
    [
        ("supertokens", ["loss_vs_accuracy", "nmse_vs_accuracy"]),
        ("losses", ["nmse_vs_accuracy"]),  # losses of several kinds
        ("budget", []),  # budgets share a distillation
        ("generality", []),
        ("search", []),
    ],
)
def test_errors_that_say_something_have_a_figure(sweep: str, names: list[str]):
    assert [each.name for each in plot(gallery_sweep(sweep))] == names


@pytest.mark.parametrize("sweep", ["supertokens", "losses", "generalist"])
def test_it_draws(sweep: str):
    check_drawing(next(iter(plot(gallery_sweep(sweep)))))


@pytest.mark.parametrize("sweep", ["supertokens", "gate"])
def test_runs_means_and_intervals_are_those_published(sweep: str):
    data = next(iter(plot(gallery_sweep(sweep)))).data
    known = published_figure(sweep, "loss_vs_accuracy")
    columns = ["x", "y", "x_low", "x_high", "y_low", "y_high"]
    for what in ("run", "mean"):
        mine, theirs = (each[each["what"] == what] for each in (data, known))
        mine = mine.sort_values(["series", "x"])[columns].to_numpy(dtype=float)
        theirs = theirs.sort_values(["series", "x"])[columns].to_numpy(dtype=float)
        assert mine == pytest.approx(theirs, nan_ok=True)
