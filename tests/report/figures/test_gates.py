from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from foundry_bench.report.figures.gates import gather_histograms, read_histogram
from tests.report.example_sweeps import LAMBDAS, fill_gate, leave_histograms
from tests.report.examples import ExampleSweep
from tests.report.summaries import read

MakeSweep = Callable[..., ExampleSweep]


def test_histograms_are_shares_averaged_over_seeds(make_sweep: MakeSweep) -> None:
    sweep = fill_gate(make_sweep())
    leave_histograms(sweep)
    evidence, runs, _ = read(sweep)

    data = gather_histograms(evidence, runs)

    assert data is not None
    assert list(data.series) == ["foundry gate"]
    assert data.levels == list(LAMBDAS)
    spreads = data.series["foundry gate"]
    assert all(sum(spread.shares) == pytest.approx(1.0) for spread in spreads.values())
    assert {spread.n for spread in spreads.values()} == {3}
    assert spreads[0.0].shares.index(max(spreads[0.0].shares)) == 3
    assert len(data.lines()) == 20 * len(LAMBDAS)


def test_without_arrays_there_are_no_histograms(make_sweep: MakeSweep) -> None:
    evidence, runs, _ = read(fill_gate(make_sweep()))

    assert gather_histograms(evidence, runs) is None


@pytest.mark.parametrize(
    "counts", [np.zeros(20), np.ones((2, 20)), np.array(["a"]), np.array([np.nan, 1.0])]
)
def test_what_is_no_histogram_is_none(tmp_path: Path, counts: "np.ndarray") -> None:
    np.savez(tmp_path / "arrays.npz", gate_histogram=counts)

    assert read_histogram(tmp_path / "arrays.npz") is None
