"""What corrupted clouds cost: by kind, and over severities where there are several."""

from collections.abc import Mapping
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from foundry_bench.report.analysis.corruptions import find_clean_result, split_metric
from foundry_bench.report.figures.backbones import (
    Look,
    add_backbones,
    call_backbone,
    choose_looks,
    draw_beside,
    make_marker,
)
from foundry_bench.report.figures.canvas import (
    INTERVALS,
    draw_band,
    intervals_text,
    new_figure,
    note,
)
from foundry_bench.report.figures.style import INK
from foundry_bench.report.sections import Picture, picture
from foundry_bench.report.statistics.intervals import Interval, mean_interval
from foundry_bench.report.study.measures import CORRUPTED, Measure
from foundry_bench.report.study.summary import Group, Summary
from foundry_bench.report.table import Line, counted_line
from foundry_bench.report.wording import and_list

_COLUMNS = 2
"""Panels beside each other, a kind each."""


@dataclass(frozen=True)
class Corruptions:
    """Backbones on the corrupted clouds of one task.

    Attributes:
        clean: the result on the same clouds as they are.
        drops: (backbone, kind, severity) -> accuracy lost against clean clouds, paired by seed;
            backbones as tables list them. The severity is 0 where a task has the default one only.
    """

    task: str
    clean: Measure
    drops: Mapping[tuple[Group, str, int], Interval]

    @property
    def backbones(self) -> list[Group]:
        """Each once."""
        return list(dict.fromkeys(group for group, _, _ in self.drops))

    @property
    def kinds(self) -> tuple[str, ...]:
        """Each once, by name."""
        return tuple(sorted({kind for _, kind, _ in self.drops}))

    @property
    def severities(self) -> tuple[int, ...]:
        """In order."""
        return tuple(sorted({severity for _, _, severity in self.drops}))

    @property
    def remark(self) -> str:
        """What bars and bands are."""
        return intervals_text([drop.n for drop in self.drops.values()])

    def lines(self) -> list[Line]:
        """A line per backbone, kind and severity."""
        return [
            {
                "role": group.role,
                "series": call_backbone(group),
                "kind": kind,
                "severity": severity or "default",
                **counted_line("drop", drop),
            }
            for (group, kind, severity), drop in self.drops.items()
        ]


def gather_damage(summary: Summary, clean_tasks: Mapping[str, str]) -> list[Corruptions]:
    """What corruption costs each backbone, by task; without a clean result nothing is known.
    `clean_tasks`: see `find_clean`.
    """
    found = []
    measures = summary.details(CORRUPTED)
    for task in dict.fromkeys(measure.task for measure in measures):
        own = [measure for measure in measures if measure.task == task]
        clean = find_clean_result(summary, clean_tasks.get(task))
        if clean is None:
            continue
        has_severities = any(severity for _, severity in map(split_metric, own))
        drops = {
            (group, kind, severity): mean_interval(lost)
            for group in summary.ordered
            for measure in own
            for kind, severity in [split_metric(measure)]
            for lost in [_lose(group, clean, measure)]
            if lost and bool(severity) == has_severities
        }
        if drops:
            found.append(Corruptions(task, clean, drops))
    return found


def _lose(group: Group, clean: Measure, corrupted: Measure) -> list[float]:
    before, after = group.by_seed.get(clean, {}), group.by_seed.get(corrupted, {})
    return [before[seed] - after[seed] for seed in sorted(before.keys() & after.keys())]


def draw_corruptions(data: Corruptions) -> Figure:
    """A row a kind and a point a backbone; with several severities a panel a kind and curves."""
    looks = choose_looks(data.backbones)
    figure = _panels(data, looks) if len(data.severities) > 1 else _rows(data, looks)
    add_backbones(figure, looks)
    return figure


def _rows(data: Corruptions, looks: Mapping[Group, Look]) -> Figure:
    kinds = data.kinds
    figure = new_figure(1.0 + 0.3 * len(kinds))
    axes = figure.add_subplot()
    step = min(0.15, 0.7 / len(looks))
    for place, kind in enumerate(kinds):
        marks = {group: drop for (group, each, _), drop in data.drops.items() if each == kind}
        draw_beside(axes, looks, place, marks, step)
    axes.autoscale_view()
    axes.axvline(0, color=INK, linewidth=0.7, zorder=1)
    axes.set_yticks(range(len(kinds)), [kind.replace("_", " ") for kind in kinds])
    axes.set_ylim(len(kinds) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("accuracy lost against clean clouds (points)")
    note(axes, data.remark)
    return figure


def _panels(data: Corruptions, looks: Mapping[Group, Look]) -> Figure:
    kinds = data.kinds
    num_rows = -(-len(kinds) // _COLUMNS)
    figure = new_figure(1.0 + 1.25 * num_rows)
    grid = figure.subplots(num_rows, _COLUMNS, sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat[len(kinds) :]:
        axes.set_visible(False)
    for place, (kind, axes) in enumerate(zip(kinds, grid.flat, strict=False)):
        for group, look in looks.items():
            _draw_curve(axes, data, group, kind, look)
        axes.autoscale_view()
        axes.axhline(0, color=INK, linewidth=0.7, zorder=1)
        axes.set_title(kind.replace("_", " "), fontsize=6.6, loc="left", pad=3)
        axes.set_xticks(data.severities)
        if place + _COLUMNS >= len(kinds):
            axes.set_xlabel("severity")
            axes.tick_params(labelbottom=True)
    for line in grid[:, 0]:
        line.set_ylabel("accuracy lost (points)", fontsize=7)
    figure.suptitle(data.remark, x=0.02, ha="left", fontsize=6.2)
    return figure


def _draw_curve(axes: Axes, data: Corruptions, group: Group, kind: str, look: Look) -> None:
    """One backbone over severities."""
    severities = [each for each in data.severities if (group, kind, each) in data.drops]
    intervals = [data.drops[group, kind, each] for each in severities]
    if intervals and all(interval.is_bounded for interval in intervals):
        draw_band(axes, severities, intervals, look[0], 0.13)
    curve = make_marker(group, look, "-")
    curve.set_data(severities, [interval.mean for interval in intervals])
    axes.add_line(curve)


def picture_corruptions(data: Corruptions, own: str) -> Picture:
    """What corrupted clouds cost; `own` tells its file from those of other tasks."""
    kinds = and_list(kind.replace("_", " ") for kind in data.kinds)
    over = (
        ", over severities, a panel a kind of corruption"
        if len(data.severities) > 1
        else ", by kind of corruption at the default severity"
    )
    caption = (
        f"What corrupted test clouds cost: {data.clean.label} on clean clouds less that on"
        f" corrupted ones, paired by seed{over} ({data.task.replace('_', ' ')}). Main students are"
        f" filled. {INTERVALS}."
    )
    title = "Accuracy lost on corrupted clouds"
    alt = f"Accuracy lost under {kinds}, for {len(data.backbones)} backbones."
    return picture(f"corruption{own}", title, caption, alt, data, draw_corruptions)
