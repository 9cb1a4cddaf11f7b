"""What figures of many tasks call a backbone, and what decides how it looks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from foundry_bench.record import Role
from foundry_bench.report.analysis.anchors import ANCHORS
from foundry_bench.report.figures.canvas import legend_columns
from foundry_bench.report.figures.style import (
    ANCHOR_STYLES,
    INK,
    MAIN,
    OTHER_ANCHOR,
    SERIES,
    level_colours,
)
from foundry_bench.report.study.levels import SUPERTOKENS
from foundry_bench.report.study.summary import TEACHER, Group

Look = tuple[str, str]
"""Colour and marker."""


_ANCHOR_MARKERS = {TEACHER: "X", "not_distilled": "s", "scratch": "^"}


@dataclass(frozen=True)
class Named:
    """A backbone of a figure."""

    name: str
    role: Role
    variant: str
    supertokens: int | None


def name_backbone(group: Group) -> Named:
    """An anchor by its usual name, every other group by series and level."""
    usual = ANCHORS.get(group.variant) if group.role == "anchor" else None
    return Named(usual or group.name, group.role, group.variant, group.supertokens)


def choose_looks(backbones: Sequence[Named]) -> dict[Named, Look]:
    """Main students by their number of SuperTokens if they differ in it; controls one by one."""
    counts = [each.supertokens for each in backbones if each.role == "main" and each.supertokens]
    by_level = level_colours(SUPERTOKENS, counts) if len(set(counts)) > 1 else {}
    looks, others = {}, 1
    for each in backbones:
        if each.role == "anchor":
            colour, _ = ANCHOR_STYLES.get(each.variant, OTHER_ANCHOR)
            looks[each] = colour, _ANCHOR_MARKERS.get(each.variant, "P")
        elif each.role == "main":
            looks[each] = by_level.get(each.supertokens or 0, MAIN), "o"
        else:
            looks[each] = SERIES[others % len(SERIES)], "D"
            others += 1
    return looks


def make_marker(backbone: Named, look: Look, *, linestyle: Literal["", "-"] = "") -> Line2D:
    """A marker without a place; main students are filled."""
    colour, marker = look
    is_main = backbone.role == "main"
    return Line2D(
        [],
        [],
        color=colour,
        linestyle=linestyle,
        linewidth=1.0,
        marker=marker,
        markersize=4.6 if is_main else 3.8,
        markeredgewidth=0.6 if is_main else 1.0,
        markeredgecolor=INK if is_main else colour,
        markerfacecolor=colour if is_main else "white",
        label=backbone.name,
        zorder=4 if is_main else 3.5,
    )


def add_legend(figure: Figure, looks: Mapping[Named, Look]) -> None:
    """The backbones by name, below the figure."""
    figure.legend(
        handles=[make_marker(backbone, look) for backbone, look in looks.items()],
        loc="outside lower left",
        ncols=legend_columns([backbone.name for backbone in looks]),
        handletextpad=0.2,
        columnspacing=1.0,
        borderaxespad=0.0,
    )
