"""Where the time went, by kind of stage."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from matplotlib.figure import Figure

from foundry_bench.record import StageKind
from foundry_bench.report.figures.canvas import new_figure
from foundry_bench.report.figures.style import MAIN, SOFT
from foundry_bench.report.records.harvest import Evidence
from foundry_bench.report.sections import Picture
from foundry_bench.report.table import Line

WIDEST = 24
"""Letters of a kind of stage that leave room for the axis' label."""


TIMES = "time_by_stage"
"""The picture of where the time of a sweep went."""


@dataclass(frozen=True)
class StageTime:
    """The seconds one stage took; a stage that several trials share appears once."""

    stage: StageKind
    task: str
    device: str
    seconds: float
    num_trials: int


def collect_times(evidence: Evidence) -> list[StageTime]:
    """What every stage took, failed ones too, ordered by kind, task, device and time."""
    uses = Counter(use.key for trial in evidence.trials for use in trial.stages)
    times = [
        StageTime(
            record.stage,
            record.task or "",
            str(record.device.get("name") or record.device.get("kind") or "unknown device"),
            record.timings["wall_s"],
            uses[key],
        )
        for key, record in evidence.records.items()
        if math.isfinite(record.timings.get("wall_s", math.nan))
    ]
    return sorted(
        times, key=lambda time: (time.stage, time.task, time.device, time.seconds, time.num_trials)
    )


@dataclass(frozen=True)
class KindTime:
    """The stages of one kind and task on one device, in seconds."""

    label: str
    device: str
    num_stages: int
    total: float
    quartiles: tuple[float, float, float]
    seconds: tuple[float, ...]


@dataclass(frozen=True)
class Times:
    """Where the time went."""

    kinds: tuple[KindTime, ...]

    def lines(self) -> list[Line]:
        """One line a kind."""
        return [
            {
                "stage": kind.label,
                "device": kind.device,
                "n": kind.num_stages,
                "total_s": kind.total,
                **dict(
                    zip(("quartile1_s", "median_s", "quartile3_s"), kind.quartiles, strict=True)
                ),
            }
            for kind in self.kinds
        ]


def sum_times(times: Sequence[StageTime]) -> Times | None:
    """Seconds by kind of stage, task and device, the longest first; None if no record has any."""
    gathered: dict[tuple[str, str], list[float]] = defaultdict(list)
    for time in times:
        label = f"{time.stage}: {time.task}" if time.task else time.stage
        gathered[label, time.device].append(time.seconds)
    kinds = [
        KindTime(
            label,
            device,
            len(seconds),
            math.fsum(seconds),
            _quartiles(seconds),
            tuple(sorted(seconds)),
        )
        for (label, device), seconds in gathered.items()
    ]
    ordered = sorted(kinds, key=lambda kind: (-kind.total, kind.label, kind.device))
    return Times(tuple(ordered)) if ordered else None


def _quartiles(seconds: Sequence[float]) -> tuple[float, float, float]:
    low, middle, high = np.quantile(seconds, [0.25, 0.5, 0.75]).tolist()
    return low, middle, high


def draw_times(data: Times) -> Figure:
    """A bar per kind of stage: the sum over its stages, with their number and median beside it."""
    figure = new_figure(0.65 + 0.33 * len(data.kinds))
    axes = figure.add_subplot()
    devices = {kind.device for kind in data.kinds}
    labels = [
        f"{kind.label}\n{kind.device}" if len(devices) > 1 else kind.label for kind in data.kinds
    ]
    longest = max(kind.total for kind in data.kinds)
    unit, divisor = ("min", 60.0) if longest >= 600 else ("s", 1.0)
    places = range(len(data.kinds))
    axes.barh(
        places, [kind.total / divisor for kind in data.kinds], height=0.6, color=MAIN, zorder=2
    )
    for place, kind in zip(places, data.kinds, strict=True):
        text = f"{kind.total / divisor:.3g} {unit}\n{kind.num_stages} × {kind.quartiles[1]:.3g} s"
        axes.annotate(
            text,
            (kind.total / divisor, place),
            (3, 0),
            textcoords="offset points",
            va="center",
            fontsize=6,
            color=SOFT,
            linespacing=1.1,
        )
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


def _times_picture(data: Times | None) -> Picture | None:
    if data is None:
        return None
    devices = sorted({kind.device for kind in data.kinds})
    caption = (
        "Seconds in the stages of each kind; beside each bar the number of stages and the median"
        " of one. A stage that"
        f" several trials share counts once. Measured on {', '.join(devices)}, trials side by side."
    )
    alt = "Bars of the total time of each kind of stage."
    return Picture(
        TIMES,
        "Time by stage",
        caption,
        alt,
        tuple(data.lines()),
        partial(draw_times, data),
    )
