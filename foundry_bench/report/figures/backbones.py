"""How backbones look where a figure has a mark each: colour, marker, legend."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from foundry_bench.report.analysis.baselines import BASELINES
from foundry_bench.report.figures.canvas import add_series_legend, make_key
from foundry_bench.report.figures.style import INK, MAIN, SERIES, baseline_style, level_colours
from foundry_bench.report.statistics.intervals import Interval
from foundry_bench.report.study.levels import SUPERTOKENS
from foundry_bench.report.study.summary import TEACHER, Group

Look = tuple[str, str]
"""Colour and marker."""

_BASELINE_MARKERS = {TEACHER: "X", "not_distilled": "s", "scratch": "^"}


def call_backbone(group: Group) -> str:
    """A baseline by its usual name, every other group by series and level."""
    usual = BASELINES.get(group.variant) if group.role == "baseline" else None
    return usual or group.name


def choose_looks(backbones: Sequence[Group]) -> dict[Group, Look]:
    """Main students by their number of SuperTokens if they differ in it; ablations one by one."""
    counts = [each.supertokens for each in backbones if each.role == "main" and each.supertokens]
    by_level = level_colours(SUPERTOKENS, counts) if len(set(counts)) > 1 else {}
    looks, others = {}, 1
    for each in backbones:
        if each.role == "baseline":
            colour, _ = baseline_style(each.variant)
            looks[each] = colour, _BASELINE_MARKERS.get(each.variant, "P")
        elif each.role == "main":
            looks[each] = by_level.get(each.supertokens or 0, MAIN), "o"
        else:
            looks[each] = SERIES[others % len(SERIES)], "D"
            others += 1
    return looks


def make_marker(backbone: Group, look: Look, linestyle: str = "") -> Line2D:
    """A marker without a place; main students are filled."""
    colour, marker = look
    filled: dict[str, Any] = {
        "markersize": 4.6, "markeredgewidth": 0.6, "markeredgecolor": INK, "zorder": 4,
    }  # fmt: skip
    hollow: dict[str, Any] = {
        "markersize": 3.8, "markeredgewidth": 1.0, "markerfacecolor": "white", "zorder": 3.5,
    }  # fmt: skip
    looks = filled if backbone.role == "main" else hollow
    return make_key(
        call_backbone(backbone), colour, marker, linestyle=linestyle, linewidth=1.0, **looks
    )


def draw_beside(
    axes: Axes,
    looks: Mapping[Group, Look],
    place: int,
    marks: Mapping[Group, Interval],
    step: float,
) -> None:
    """A row of a figure: a mark for each backbone that has one, with its interval, one below the
    other around `place`.
    """
    for index, (backbone, look) in enumerate(looks.items()):
        if (interval := marks.get(backbone)) is None:
            continue
        height = place + step * (index - (len(looks) - 1) / 2)
        if interval.is_bounded:
            axes.hlines(height, *interval.ends, color=look[0], linewidth=1.0, zorder=3)
        mark = make_marker(backbone, look)
        mark.set_data([interval.mean], [height])
        axes.add_line(mark)


def add_backbones(figure: Figure, looks: Mapping[Group, Look]) -> None:
    """The backbones by name, below the figure."""
    add_series_legend(figure, [make_marker(backbone, look) for backbone, look in looks.items()])
