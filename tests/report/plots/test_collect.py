"""The registry of figures."""

import pandas as pd
import pytest
from matplotlib.figure import Figure

from foundry_bench.registries import FIGURES
from foundry_bench.registry import Registry
from foundry_bench.report.plots import collect
from foundry_bench.report.plots.plot import Plot
from foundry_bench.report.sweep_results import SweepResults


def first(sweep: SweepResults) -> list[Plot]:
    return [Plot("first", "First", "", pd.DataFrame(), Figure)]


def none(sweep: SweepResults) -> list[Plot]:
    return []


def last(sweep: SweepResults) -> list[Plot]:
    return [Plot(f"last_{index}", "Last", "", pd.DataFrame(), Figure) for index in range(2)]


def test_plots_come_in_the_order_of_the_registry(monkeypatch: pytest.MonkeyPatch):
    table = {each.__name__: (f"{__name__}:{each.__name__}", "") for each in (last, none, first)}
    monkeypatch.setattr(collect, "FIGURES", Registry("figures", table))
    sweep = SweepResults("sweep", None, pd.DataFrame())  # type: ignore[arg-type]
    assert [plot.name for plot in collect.collect_plots(sweep)] == ["last_0", "last_1", "first"]


@pytest.mark.parametrize("name", list(FIGURES))
def test_every_registered_figure_is_a_function_of_its_own_file(name: str):
    assert FIGURES.get(name).__module__ == f"foundry_bench.report.plots.{name}"
