"""Where the time went, by kind of stage."""

import math
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from foundry_bench.report.figures.canvas import new_figure
from foundry_bench.report.figures.style import MAIN, SOFT
from foundry_bench.report.records.harvest import Evidence
from foundry_bench.report.sections import Picture

WIDEST = 24
"""Letters of a kind of stage that leave room for the axis' label."""

TIMES = "time_by_stage"
"""The picture of where the time of a sweep went."""

_QUARTILES = {"quartile1_s": 0.25, "median_s": 0.5, "quartile3_s": 0.75}


def sum_times(evidence: Evidence) -> pd.DataFrame:
    """A line a kind of stage, with its task, and device, the longest first: `stage`, `device`,
    number `n`, sum `total_s` and quartiles of the seconds. Failed stages count, and one that
    several trials share counts once.
    """
    times = pd.DataFrame(
        [
            (
                f"{record.stage}: {record.task}" if record.task else record.stage,
                str(record.device.get("name") or record.device.get("kind") or "unknown device"),
                record.timings["wall_s"],
            )
            for record in evidence.records.values()
            if math.isfinite(record.timings.get("wall_s", math.nan))
        ],
        columns=["stage", "device", "seconds"],
    )
    lines = [
        {
            "stage": stage,
            "device": device,
            "n": len(seconds),
            "total_s": math.fsum(seconds),
            **{name: float(np.quantile(seconds, share)) for name, share in _QUARTILES.items()},
        }
        for (stage, device), seconds in times.groupby(["stage", "device"])["seconds"]
    ]
    columns = ["stage", "device", "n", "total_s", *_QUARTILES]
    frame = pd.DataFrame(lines, columns=columns)
    return frame.sort_values("total_s", ascending=False, kind="stable", ignore_index=True)


def draw_times(data: pd.DataFrame) -> Figure:
    """A bar per kind of stage: the sum over its stages, with their number and median beside it."""
    figure = new_figure(0.65 + 0.33 * len(data))
    axes = figure.add_subplot()
    labels = list(data["stage"])
    if data["device"].nunique() > 1:
        labels = [f"{kind.stage}\n{kind.device}" for kind in data.itertuples()]
    longest = float(data["total_s"].max())
    unit, divisor = ("min", 60.0) if longest >= 600 else ("s", 1.0)
    places = range(len(data))
    axes.barh(places, data["total_s"] / divisor, height=0.6, color=MAIN, zorder=2)
    for place, total, n, middle in zip(
        places, data["total_s"] / divisor, data["n"], data["median_s"], strict=True
    ):
        axes.annotate(
            f"{total:.3g} {unit}\n{n} × {middle:.3g} s", (total, place), (3, 0),
            textcoords="offset points", va="center", fontsize=6, color=SOFT, linespacing=1.1,
        )  # fmt: skip
    axes.set_yticks(places, labels)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.3 * longest / divisor or 1.0)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    is_narrow = max(len(label) for label in labels) > WIDEST
    axes.set_xlabel(
        f"time in all stages ({unit}); number × median", loc="right" if is_narrow else "center"
    )
    return figure


def picture_times(evidence: Evidence) -> Picture | None:
    """The picture of `sum_times`; None if no record has any."""
    data = sum_times(evidence)
    if data.empty:
        return None
    caption = (
        "Seconds in the stages of each kind; beside each bar the number of stages and the median"
        " of one. A stage that several trials share counts once. Measured on"
        f" {', '.join(sorted(set(data['device'])))}, trials side by side."
    )
    alt = "Bars of the total time of each kind of stage."
    lines = tuple(
        {str(key): value for key, value in line.items()} for line in data.to_dict("records")
    )
    return Picture(TIMES, "Time by stage", caption, alt, lines, partial(draw_times, data))
