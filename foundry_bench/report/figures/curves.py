"""Numbers over epochs: of distillation, a line a level; of a task, a line a series."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from foundry_bench.record import Role, StageKind
from foundry_bench.report.analysis.baselines import MAX_SERIES, call_baseline
from foundry_bench.report.figures.canvas import (
    INTERVALS,
    draw_band,
    focus,
    intervals_text,
    legend_columns,
    new_figure,
    note,
    without_common,
)
from foundry_bench.report.figures.style import MARKERS, SERIES, baseline_style, level_colours
from foundry_bench.report.records.harvest import Evidence
from foundry_bench.report.sections import Picture, picture
from foundry_bench.report.statistics.intervals import Interval, mean_interval
from foundry_bench.report.study.levels import SUPERTOKENS, Axis
from foundry_bench.report.study.measures import DISTILL_LOSS, Measure
from foundry_bench.report.study.runs import Run
from foundry_bench.report.study.study import Study
from foundry_bench.report.table import Line, counted_line


@dataclass(frozen=True)
class Curve:
    """One number of one run over its epochs; values that are not finite are left out.

    Attributes:
        epochs: counted from 1.
    """

    run: Run
    epochs: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class MeanCurve:
    """Runs of one series, and of one level where those are told apart, averaged by epoch."""

    series: str
    role: Role
    variant: str
    level: float
    epochs: tuple[int, ...]
    intervals: tuple[Interval, ...]


@dataclass(frozen=True)
class Curves:
    """A number over epochs.

    Attributes:
        axis: of which each curve is a level; None where each is a series, baselines too.
        level: the place on the axis at which series of students are compared.
    """

    label: str
    curves: tuple[MeanCurve, ...]
    axis: Axis | None = None
    level: str = ""

    @property
    def intervals(self) -> list[Interval]:
        """Of all curves."""
        return [interval for curve in self.curves for interval in curve.intervals]

    def lines(self) -> list[Line]:
        """One line an epoch and curve."""
        return [
            {
                **({self.axis.name: curve.level} if self.axis else _name(curve)),
                "epoch": epoch,
                **counted_line("y", interval),
            }
            for curve in self.curves
            for epoch, interval in zip(curve.epochs, curve.intervals, strict=True)
        ]


def collect_curves(
    evidence: Evidence, runs: Sequence[Run], stage: StageKind, *names: str, task: str | None = None
) -> list[Curve]:
    """The histories called by the first of `names` that a line has, of all stages of kind `stage`
    (and of `task`, if it is given), in the order of `runs`.

    A stage that several runs of a series share is one curve, of the first of them.
    """
    trials = {trial.trial: trial for trial in evidence.trials}
    curves, seen = [], set()
    for run in runs:
        for record in evidence.stages_of(trials[run.trial]):
            points = [
                (round(line["epoch"]), value)
                for line in record.history
                for value in [next((line[name] for name in names if name in line), math.nan)]
                if math.isfinite(line.get("epoch", math.nan)) and math.isfinite(value)
            ]
            is_wanted = record.stage == stage and task in (None, record.task)
            if is_wanted and points and (run.series, record.key) not in seen:
                seen.add((run.series, record.key))
                epochs, values = zip(*points, strict=True)
                curves.append(Curve(run, epochs, values))
    return curves


def average_curves(
    curves: Sequence[Curve], series: str, label: str, axis: Axis = SUPERTOKENS
) -> Curves | None:
    """Runs of `series` averaged by level on `axis` and epoch; None if there are none."""
    named = [
        ((series, curve.run.role, curve.run.variant, level), curve)
        for curve in curves
        if curve.run.series.name == series and curve.run.role == "main"
        for level in [curve.run.level.on(axis)]
        if level is not None
    ]
    means = sorted(_average(named), key=lambda curve: curve.level)
    return Curves(label, tuple(means), axis) if means else None


def compare_curves(curves: Sequence[Curve], y: Measure, label: str) -> Curves | None:
    """The series side by side at the largest number of SuperTokens that all main ones have.

    Args:
        curves: of one history of the task of `y`, in its unit once scaled.
        y: the task's result, which says scale and unit.
        label: what the history is called.

    Returns:
        None unless there are several series of students, and no more than markers tell apart.
    """
    students = {curve.run.series for curve in curves if curve.run.role != "baseline"}
    counts: dict[object, set[int | None]] = defaultdict(set)
    for curve in curves:
        if curve.run.role == "main":
            counts[curve.run.series].add(curve.run.level.supertokens)
    shared = set.intersection(*counts.values()) - {None} if counts else set()
    if not 2 <= len(students) <= MAX_SERIES or not shared:
        return None
    level = max(count for count in shared if count is not None)
    named = [
        ((_call(curve.run, y), curve.run.role, curve.run.variant, level), curve)
        for curve in curves
        if curve.run.role == "baseline" or curve.run.level.supertokens in (None, level)
    ]
    found = tuple(_average(named, y.scale))
    return Curves(f"{label} ({y.unit})", found, level=SUPERTOKENS.text(level))


def _call(run: Run, y: Measure) -> str:
    return (call_baseline(run.variant, y) if run.role == "baseline" else None) or run.series.name


def _average(
    named: Iterable[tuple[tuple[str, Role, str, float], Curve]], scale: float = 1.0
) -> list[MeanCurve]:
    """The curves of the same series, role, variant and level as one each, values times `scale`."""
    gathered: dict[tuple[str, Role, str, float], dict[int, list[float]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for name, curve in named:
        for epoch, value in zip(curve.epochs, curve.values, strict=True):
            gathered[name][epoch].append(value * scale)
    return [
        MeanCurve(
            *name,
            tuple(sorted(epochs)),
            tuple(mean_interval(epochs[each]) for each in sorted(epochs)),
        )
        for name, epochs in gathered.items()
    ]


def _name(curve: MeanCurve) -> Line:
    return {"role": curve.role, "series": curve.series}


def draw_curves(data: Curves) -> Figure:
    """A line per level, its mean over seeds, with the interval as a band."""
    assert data.axis is not None
    figure = new_figure(2.5)
    axes = figure.add_subplot()
    colours = level_colours(data.axis, [curve.level for curve in data.curves])
    for curve in data.curves:
        marker = "o" if len(curve.epochs) == 1 else ""
        label = data.axis.text(curve.level)
        _draw_curve(axes, curve, colours[curve.level], 0.18, marker=marker, label=label)
    means = _means(data.curves)
    if min(means) > 0 and max(means) > 4 * min(means):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(NullLocator())
    _name_axes(axes, data)
    axes.legend(loc="upper right", ncols=1 + (len(data.curves) > 6))
    return figure


def draw_task_curves(data: Curves) -> Figure:
    """A line a series: its mean, its interval as a band; baselines in their style."""
    students = [curve for curve in data.curves if curve.role != "baseline"]
    baselines = [curve for curve in data.curves if curve.role == "baseline"]
    names = without_common([curve.series for curve in students])
    names += [curve.series for curve in baselines]
    columns = legend_columns(names)
    figure = new_figure(2.4 + 0.14 * math.ceil(len(names) / columns))
    axes = figure.add_subplot()
    looks: dict[str, Any] = {"linewidth": 1.2, "markersize": 3.2}
    for index, curve in enumerate(students):
        dash = "-" if curve.role == "main" else (0, (3, 2))
        marker, colour = MARKERS[index % len(MARKERS)], SERIES[index % len(SERIES)]
        _draw_curve(axes, curve, colour, 0.12, linestyle=dash, marker=marker, **looks)
    for curve in baselines:
        colour, dash = baseline_style(curve.variant)
        _draw_curve(axes, curve, colour, 0.12, linestyle=dash, **looks)
    low, high = focus(_means(students), _means(baselines))
    pad = 0.07 * (high - low or 1.0)
    axes.set_ylim(low - pad, high + pad)
    _name_axes(axes, data)
    figure.legend(
        axes.lines, names, loc="outside upper left", ncols=columns, columnspacing=1.0,
        borderaxespad=0.0,
    )  # fmt: skip
    return figure


def _means(curves: Sequence[MeanCurve]) -> list[float]:
    return [interval.mean for curve in curves for interval in curve.intervals]


def _draw_curve(axes: Axes, curve: MeanCurve, colour: str, alpha: float, **looks: Any) -> None:
    means = [interval.mean for interval in curve.intervals]
    axes.plot(curve.epochs, means, color=colour, zorder=3, **looks)
    draw_band(axes, curve.epochs, curve.intervals, colour, alpha)


def _name_axes(axes: Axes, data: Curves) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    axes.set_xlabel("epoch")
    axes.set_ylabel(data.label)
    note(axes, intervals_text([interval.n for interval in data.intervals]))


def picture_curves(study: Study, loss_name: str) -> Picture | None:
    """The curves of distillation of the first main series, if there are any."""
    summary = study.summary
    name = next((group.series for group in summary.main()), "")
    curves = collect_curves(study.evidence, study.runs, "distill", "token_loss", "loss")
    label = f"{DISTILL_LOSS.label} ({loss_name})" if loss_name else DISTILL_LOSS.label
    axis = summary.axis_of_distillation
    data = average_curves(curves, name, label, axis)
    if data is None:
        return None
    of_series = f" of {name}" if len(summary.main_series()) > 1 else ""
    caption = (
        f"Training loss of distillation by epoch{of_series}, mean over seeds for each"
        f" {axis.symbol}. {INTERVALS}. Ablations are left out."
    )
    level = "number of SuperTokens" if axis == SUPERTOKENS else axis.symbol
    alt = f"Curves of the distillation loss over epochs, one per {level} of {name}."
    return picture("distillation_curves", "Distillation curves", caption, alt, data, draw_curves)


def picture_task_curves(study: Study, measure: Measure) -> Picture | None:
    """The validation accuracy while fine-tuning for the task of `measure`, if series differ."""
    curves = collect_curves(
        study.evidence, study.runs, "evaluate", "val_accuracy", task=measure.task
    )
    data = compare_curves(curves, measure, "validation accuracy")
    if data is None:
        return None
    names = ", ".join(curve.series for curve in data.curves)
    caption = (
        f"Fig. 4 of the paper: {data.label} by epoch of fine-tuning at {data.level}, mean over"
        f" seeds, of {names}. {INTERVALS}. The validation set is a fixed part of the training set."
    )
    title = "Validation accuracy while fine-tuning"
    alt = f"Curves of {data.label} over epochs, one per series: {names}."
    return picture("validation_curves", title, caption, alt, data, draw_task_curves)
