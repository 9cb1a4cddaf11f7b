"""Variants side by side at equal numbers of SuperTokens: the mechanism ablation."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from foundry_bench.record import Role
from foundry_bench.report.analysis.anchors import AnchorLine, anchor_lines, find_anchors
from foundry_bench.report.figures.canvas import (
    INTERVALS,
    add_legend,
    anchor_words,
    draw_anchor,
    focus,
    intervals_text,
    make_key,
    new_figure,
    note,
    without_common,
)
from foundry_bench.report.figures.style import (
    INK,
    anchor_style,
    level_colours,
)
from foundry_bench.report.sections import Picture, picture
from foundry_bench.report.statistics.intervals import Interval
from foundry_bench.report.study.levels import SUPERTOKENS
from foundry_bench.report.study.measures import HELDOUT_NMSE, Measure
from foundry_bench.report.study.summary import TEACHER, Group, Summary
from foundry_bench.report.table import Line, counted_line, spread_line
from foundry_bench.report.wording import capital, mean_text

MIN_VARIANTS = 4
"""Fewer series are told apart well enough by a profile, if it has lines."""

_NOTHING = Interval(math.nan, math.nan, math.nan, 0)


WITHOUT = "#8a8f98"
"""Colour of students that have no number of SuperTokens."""

FAR_OTHERS = 0.3
"""What anchors but the teacher may add to the range of variants, in its spans."""

LABEL_LETTERS = 20
"""What a line of a variant's name has room for."""

Marks = Mapping[int | None, Interval]


@dataclass(frozen=True)
class Standing:
    """What a variant reaches.

    Attributes:
        marks: number of SuperTokens (None for students without) -> result.
        errors: the same for the held-out error.
    """

    series: str
    role: Role
    marks: dict[int | None, Interval]
    errors: dict[int | None, Interval]

    @property
    def mean(self) -> float:
        """At the largest number of SuperTokens."""
        return self.marks[max(self.marks, key=lambda count: count or 0)].mean


@dataclass(frozen=True)
class Ranking:
    """Variants by their result at the largest number of SuperTokens, the best first."""

    y: Measure
    error: Measure
    standings: tuple[Standing, ...]
    anchors: tuple[AnchorLine, ...]

    @property
    def counts(self) -> list[int | None]:
        """The numbers of SuperTokens that there are, None last."""
        found = {count for standing in self.standings for count in standing.marks}
        return sorted(found, key=lambda count: math.inf if count is None else count)

    def lines(self) -> list[Line]:
        """A line per variant and s, then the anchors."""
        means: list[Line] = [
            {
                "what": "mean",
                "role": standing.role,
                "series": standing.series,
                "supertokens": "" if count is None else count,
                **counted_line("y", mark),
                **spread_line(self.error.slug, standing.errors.get(count, _NOTHING)),
            }
            for standing in self.standings
            for count, mark in standing.marks.items()
        ]
        return means + anchor_lines(self.anchors)


def rank(summary: Summary, y: Measure) -> Ranking | None:
    """The variants in the context of the first main series, at its numbers of SuperTokens.

    Anchors that are students of their own, such as another one not distilled, are among them.
    None if fewer than `MIN_VARIANTS` have `y` (one less where there is only one number of
    SuperTokens), or if the sweep is over another axis.
    """
    main = summary.main()
    if not main or summary.axis != SUPERTOKENS or len(summary.axes) > 1:
        return None
    counts = {None, *(group.supertokens for group in main)}
    context = main[0].setting.context
    others = _other_students(summary)
    found = {
        name: [
            group
            for group in groups
            if group.by_seed.get(y)
            and group.supertokens in counts
            and group.setting.context == context
        ]
        for name, groups in {**summary.series(), **others}.items()
    }
    standings = [_standing(name, groups, y) for name, groups in found.items() if groups]
    has_lines = any(len(standing.marks) > 1 for standing in standings)
    if len(standings) < (MIN_VARIANTS if has_lines else MIN_VARIANTS - 1):
        return None
    ordered = sorted(standings, key=lambda standing: -standing.mean)
    anchors = [
        group
        for group in summary.of_role("anchor")
        if group.setting.context == context and group.series not in others
    ]
    return Ranking(y, HELDOUT_NMSE, tuple(ordered), find_anchors(summary, y, anchors))


def _other_students(summary: Summary) -> dict[str, list[Group]]:
    """The anchors that are students of their own, and no main student without its distillation."""
    students = {group.setting.student for group in summary.of_role("main")}
    found: dict[str, list[Group]] = {}
    for group in summary.of_role("anchor"):
        if group.variant != TEACHER and group.setting.student not in students:
            found.setdefault(group.series, []).append(group)
    return found


def _standing(name: str, groups: Sequence[Group], y: Measure) -> Standing:
    return Standing(
        name,
        groups[0].role,
        {group.supertokens: group.interval(y) for group in groups},
        {
            group.supertokens: group.interval(HELDOUT_NMSE)
            for group in groups
            if group.by_seed.get(HELDOUT_NMSE)
        },
    )


def draw_ranking(data: Ranking) -> Figure:
    """A row a variant, the best on top; a colour a number of SuperTokens; the main one filled."""
    rows, labels = len(data.standings), _labels(data)
    num_lines = max(label.count("\n") + 1 for label in labels)
    figure = new_figure(1.25 + max(0.2, 0.02 + 0.12 * num_lines) * rows)
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(2.0, 1.0))
    counts = data.counts
    colours: dict[int | None, str] = {None: WITHOUT}
    for count, colour in level_colours(SUPERTOKENS, [c for c in counts if c is not None]).items():
        colours[int(count)] = colour
    for row, standing in enumerate(data.standings):
        for axes, marks in ((left, standing.marks), (right, standing.errors)):
            _draw_row(axes, row, standing, marks, colours, counts)
    near = _draw_anchors(left, data)
    left.set_yticks(range(rows), labels)
    for label, standing in zip(left.get_yticklabels(), data.standings, strict=True):
        label.set_fontweight("bold" if standing.role == "main" else "normal")
    left.set_ylim(rows - 0.5, -0.5)
    is_long = len(data.y.short) > LABEL_LETTERS
    left.set_xlabel(f"{data.y.short} ({data.y.unit})", loc="left" if is_long else "center")
    right.set_xlabel(data.error.axis, loc="right")
    for axes, num_ticks in ((left, 5), (right, 3)):
        axes.xaxis.set_major_locator(MaxNLocator(num_ticks))
        axes.tick_params(axis="y", length=0)
    intervals = [mark for standing in data.standings for mark in standing.marks.values()]
    note(left, intervals_text([mark.n for mark in intervals]))
    _add_legends(figure, data, colours, near)
    return figure


def _labels(data: Ranking) -> list[str]:
    """What tells the series apart, in lines of a column's width."""
    names = without_common([standing.series for standing in data.standings])
    return ["\n".join(wrap(name, LABEL_LETTERS)) for name in names]


def _draw_row(
    axes: Axes,
    row: int,
    standing: Standing,
    marks: Marks,
    colours: Mapping[int | None, str],
    counts: Sequence[int | None],
) -> None:
    step = min(0.22, 0.6 / len(counts))
    for count, mark in marks.items():
        place = row + (0.0 if count is None else step * _offset(counts, count))
        colour = colours[count]
        if mark.is_bounded:
            axes.hlines(place, mark.low, mark.high, color=colour, linewidth=1.1, zorder=3)
        axes.plot(
            mark.mean,
            place,
            marker="s" if standing.role == "anchor" else "D" if count is None else "o",
            markersize=4.4,
            markeredgewidth=1.0,
            markeredgecolor=INK if standing.role == "main" else colour,
            markerfacecolor=colour if standing.role == "main" else "white",
            zorder=4,
        )


def _offset(counts: Sequence[int | None], count: int) -> float:
    """Where `count` stands among the numbers of SuperTokens, around 0."""
    numbers = [each for each in counts if each is not None]
    return numbers.index(count) - (len(numbers) - 1) / 2


def _draw_anchors(axes: Axes, data: Ranking) -> list[AnchorLine]:
    """The anchors near the variants, as vertical lines with bands; sets the x limits."""
    ends = [
        end for standing in data.standings for mark in standing.marks.values() for end in mark.ends
    ]
    teachers = [line.interval.mean for line in data.anchors if line.variant == TEACHER]
    others = [line.interval.mean for line in data.anchors if line.variant != TEACHER]
    low, high = focus(focus(ends, teachers), others, FAR_OTHERS)
    near = [line for line in data.anchors if low <= line.interval.mean <= high]
    for line in near:
        draw_anchor(axes.axvline, axes.axvspan, line)
    pad = 0.05 * (high - low or 1.0)
    axes.set_xlim(low - pad, high + pad)
    return near


def _add_legends(
    figure: Figure,
    data: Ranking,
    colours: Mapping[int | None, str],
    near: Sequence[AnchorLine],
) -> None:
    keys = [
        make_key("without SuperTokens", colours[count], "D")
        if count is None
        else make_key(SUPERTOKENS.text(count), colours[count])
        for count in data.counts
    ]
    add_legend(figure, "outside upper left", keys, len(keys), handletextpad=0.1, columnspacing=0.8)
    lines = []
    for line in data.anchors:
        colour, dash = anchor_style(line.variant)
        text = mean_text(line.interval, data.y.digits)
        if not line.interval.is_constant:
            text += f" (n={line.interval.n})"
        mark = "" if line in near else ", off scale"
        label = f"{line.label} {text}{mark}"
        lines.append(Line2D([], [], color=colour, linestyle=dash, label=label))
    if lines:
        add_legend(figure, "outside lower left", lines, 1)


def picture_ranking(data: Ranking) -> Picture:
    """The variants by a result."""
    is_anchored = any(standing.role == "anchor" for standing in data.standings)
    squares = ", other students that were not distilled are squares" if is_anchored else ""
    caption = (
        f"{capital(data.y.label)} of each variant, and beside it its {data.error.label}, sorted by"
        " the result at the largest number of SuperTokens s (colour). The main student is filled"
        f" and bold{squares}. {INTERVALS}.{anchor_words(data.anchors)}"
    )
    names = ", ".join(standing.series for standing in data.standings)
    title = f"{capital(data.y.label)} by variant"
    alt = f"Dots with intervals of {data.y.label}, a row a variant, from the best: {names}."
    return picture(f"{data.y.slug}_by_variant", title, caption, alt, data, draw_ranking)
