"""Where the seconds of a sweep went, by kind of stage."""

import math
from collections.abc import Iterator
from functools import partial

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from foundry_bench.report.plots.chosen import wrapped
from foundry_bench.report.plots.plot import Plot
from foundry_bench.report.plots.theme import PALETTE, SOFT, new_figure
from foundry_bench.report.sweep_results import SweepResults


def plot(sweep: SweepResults) -> Iterator[Plot]:
    """The time of all stages of each kind, where records have any."""
    seconds = stage_seconds(sweep)
    if seconds.empty:
        return
    devices = ", ".join(sorted(set(seconds["device"])))
    yield Plot(
        name="time_by_stage",
        title="Time by stage",
        caption=(
            "Seconds in all stages of each kind; beside each bar the number of stages and the"
            " median of one. A stage that several trials share counts once. Measured on"
            f" {devices}, trials side by side."
        ),
        data=seconds,
        draw=partial(draw, seconds),
    )


def stage_seconds(sweep: SweepResults) -> pd.DataFrame:
    """A row per stage, also failed ones: `stage`, `device` and `seconds`; longest kind first."""
    lines = [
        {
            "stage": f"{record.stage} {record.task}" if record.task else record.stage,
            "device": str(record.device.get("name") or record.device.get("kind") or "unknown"),
            "seconds": record.timings["wall_s"],
        }
        for record in sweep.records.records.values()
        if math.isfinite(record.timings.get("wall_s", math.nan))
    ]
    frame = pd.DataFrame(lines, columns=["stage", "device", "seconds"])
    total = frame.groupby(["stage", "device"])["seconds"].transform("sum")
    order = total.sort_values(ascending=False, kind="stable").index
    return frame.loc[order].reset_index(drop=True)


def draw(seconds: pd.DataFrame) -> Figure:
    """A bar per kind of stage: the sum over its stages."""
    names = seconds["stage"].str.replace("_", " ")
    if seconds["device"].nunique() > 1:
        names = names + ", " + seconds["device"]
    data = seconds.assign(name=names)
    totals = data.groupby("name", sort=False)["seconds"].agg(["sum", "count", "median"])
    unit, divisor = ("min", 60.0) if totals["sum"].max() >= 600 else ("s", 1.0)
    data = data.assign(time=data["seconds"] / divisor)
    figure = new_figure(0.65 + 0.29 * len(totals))
    axes = figure.add_subplot()
    sns.barplot(
        data, x="time", y="name", order=list(totals.index), estimator="sum", errorbar=None,
        color=PALETTE[0], width=0.65, saturation=1, ax=axes,
    )  # fmt: skip
    for place, row in enumerate(totals.itertuples()):
        total = float(str(row.sum)) / divisor
        axes.annotate(
            f"{total:.3g} {unit}\n{row.count} × {row.median:.3g} s", (total, place), (3, 0),
            textcoords="offset points", va="center", fontsize=6, color=SOFT, linespacing=1.1,
        )  # fmt: skip
    axes.set_yticks(range(len(totals)), wrapped(list(totals.index)))
    axes.set_xlim(0, 1.35 * float(totals["sum"].max()) / divisor or 1.0)
    axes.set(xlabel=f"time in all stages ({unit})", ylabel="")
    axes.grid(visible=False, axis="y")
    return figure
