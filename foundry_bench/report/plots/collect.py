"""All figures of a sweep, by the registry of figures."""

from foundry_bench.registries import FIGURES
from foundry_bench.report.plots.plot import Plot, PlotFunction
from foundry_bench.report.sweep_results import SweepResults


def collect_plots(sweep: SweepResults) -> list[Plot]:
    """The plots of all registered figures that apply to `sweep`, in the registry's order."""
    plots: list[Plot] = []
    for name in FIGURES:
        plot: PlotFunction = FIGURES.get(name)
        plots += plot(sweep)
    return plots
