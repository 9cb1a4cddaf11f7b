"""What corrupted clouds cost: by kind, and over severities where there are several."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from foundry_bench.report.analysis.corruptions import find_clean_result, split_metric
from foundry_bench.report.figures.backbones import (
    Look,
    Named,
    add_backbones,
    choose_looks,
    draw_beside,
    make_marker,
    name_backbone,
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
class Damage:
    """One backbone on corrupted clouds.

    Attributes:
        drops: kind -> severity -> accuracy lost against clean clouds, paired by seed. The
            severity is 0 where a task has the default one only.
    """

    backbone: Named
    drops: Mapping[str, Mapping[int, Interval]]


@dataclass(frozen=True)
class Corruptions:
    """Backbones on the corrupted clouds of one task.

    Attributes:
        clean: the result on the same clouds as they are.
        damages: as tables list backbones.
    """

    task: str
    clean: Measure
    kinds: tuple[str, ...]
    severities: tuple[int, ...]
    damages: tuple[Damage, ...]

    @property
    def counts(self) -> list[int]:
        """Of how many seeds each number is."""
        return [
            drop.n
            for damage in self.damages
            for by in damage.drops.values()
            for drop in by.values()
        ]

    def lines(self) -> list[Line]:
        """A line per backbone, kind and severity."""
        return [
            {
                "role": damage.backbone.role,
                "series": damage.backbone.name,
                "kind": kind,
                "severity": severity or "default",
                **counted_line("drop", drop),
            }
            for damage in self.damages
            for kind, drops in damage.drops.items()
            for severity, drop in drops.items()
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
        severities = sorted({severity for _, severity in map(split_metric, own) if severity})
        shown = [each for each in own if bool(split_metric(each)[1]) == bool(severities)]
        damages = [
            damage
            for group in summary.ordered
            for damage in [_damage(group, summary, clean, shown)]
            if damage.drops
        ]
        if damages:
            kinds = tuple(dict.fromkeys(split_metric(each)[0] for each in shown))
            found.append(Corruptions(task, clean, kinds, tuple(severities) or (0,), tuple(damages)))
    return found


def _damage(group: Group, summary: Summary, clean: Measure, shown: Sequence[Measure]) -> Damage:
    drops: dict[str, dict[int, Interval]] = {}
    before = group.by_seed.get(clean, {})
    for measure in shown:
        after = group.by_seed.get(measure, {})
        lost = [before[seed] - after[seed] for seed in sorted(before.keys() & after.keys())]
        if lost:
            kind, severity = split_metric(measure)
            is_constant = measure in group.constants
            drops.setdefault(kind, {})[severity] = replace(
                mean_interval(lost), is_constant=is_constant
            )
    return Damage(name_backbone(group), drops)


def draw_corruptions(data: Corruptions) -> Figure:
    """A row a kind and a point a backbone; with several severities a panel a kind and curves."""
    looks = choose_looks([damage.backbone for damage in data.damages])
    figure = _panels(data, looks) if len(data.severities) > 1 else _rows(data, looks)
    add_backbones(figure, looks)
    return figure


def _rows(data: Corruptions, looks: Mapping[Named, Look]) -> Figure:
    figure = new_figure(1.0 + 0.3 * len(data.kinds))
    axes = figure.add_subplot()
    (severity,) = data.severities
    step = min(0.15, 0.7 / len(data.damages))
    for place, kind in enumerate(data.kinds):
        drops = {each.backbone: each.drops.get(kind, {}) for each in data.damages}
        marks = {name: by[severity] for name, by in drops.items() if severity in by}
        draw_beside(axes, looks, place, marks, step)
    axes.autoscale_view()
    axes.axvline(0, color=INK, linewidth=0.7, zorder=1)
    axes.set_yticks(range(len(data.kinds)), [kind.replace("_", " ") for kind in data.kinds])
    axes.set_ylim(len(data.kinds) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("accuracy lost against clean clouds (points)")
    note(axes, intervals_text(data.counts))
    return figure


def _panels(data: Corruptions, looks: Mapping[Named, Look]) -> Figure:
    num_rows = -(-len(data.kinds) // _COLUMNS)
    figure = new_figure(1.0 + 1.25 * num_rows)
    grid = figure.subplots(num_rows, _COLUMNS, sharex=True, sharey=True, squeeze=False)
    for place, axes in enumerate(grid.flat):
        if place >= len(data.kinds):
            axes.set_visible(False)
            continue
        kind = data.kinds[place]
        for damage in data.damages:
            look = looks[damage.backbone]
            _draw_curve(axes, damage.backbone, damage.drops.get(kind, {}), look)
        axes.autoscale_view()
        axes.axhline(0, color=INK, linewidth=0.7, zorder=1)
        axes.set_title(kind.replace("_", " "), fontsize=6.6, loc="left", pad=3)
        axes.set_xticks(data.severities)
        if place + _COLUMNS >= len(data.kinds):
            axes.set_xlabel("severity")
            axes.tick_params(labelbottom=True)
    for line in grid[:, 0]:
        line.set_ylabel("accuracy lost (points)", fontsize=7)
    figure.suptitle(intervals_text(data.counts), x=0.02, ha="left", fontsize=6.2)
    return figure


def _draw_curve(axes: Axes, backbone: Named, drops: Mapping[int, Interval], look: Look) -> None:
    """One backbone over severities."""
    severities = sorted(drops)
    intervals = [drops[severity] for severity in severities]
    if intervals and all(interval.is_bounded for interval in intervals):
        draw_band(axes, severities, intervals, look[0], 0.13)
    curve = make_marker(backbone, look, "-")
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
    alt = f"Accuracy lost under {kinds}, for {len(data.damages)} backbones."
    return picture(f"corruption{own}", title, caption, alt, data, draw_corruptions)
