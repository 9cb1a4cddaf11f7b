from collections.abc import Callable

import numpy as np
import pytest

from foundry_bench.report.figures.gates import gather_histograms, read_histogram
from tests.report.example_sweeps import LAMBDAS, fill_gate, leave_histograms
from tests.report.examples import ExampleSweep
from tests.report.summaries import study

MakeSweep = Callable[..., ExampleSweep]


def test_histograms_are_shares_averaged_over_seeds(make_sweep: MakeSweep) -> None:
    sweep = fill_gate(make_sweep())
    leave_histograms(sweep)

    data = gather_histograms(study(sweep))

    assert data is not None
    assert list(data.series) == ["foundry gate"]
    assert data.levels == list(LAMBDAS)
    spreads = data.series["foundry gate"]
    assert all(sum(spread.shares) == pytest.approx(1.0) for spread in spreads.values())
    assert {spread.n for spread in spreads.values()} == {3}
    assert spreads[0.0].shares.index(max(spreads[0.0].shares)) == 3
    assert len(data.lines()) == 20 * len(LAMBDAS)


def test_without_arrays_there_are_no_histograms(make_sweep: MakeSweep) -> None:
    assert gather_histograms(study(fill_gate(make_sweep()))) is None


@pytest.mark.parametrize(
    "counts", [np.zeros(20), np.ones((2, 20)), np.array(["a"]), np.array([np.nan, 1.0])]
)
def test_what_is_no_histogram_is_none(counts: "np.ndarray") -> None:
    assert read_histogram({"gate_histogram": counts}) is None
