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
from foundry_bench.report.analysis.baselines import BaselineLine, baseline_lines, find_baselines
from foundry_bench.report.figures.canvas import (
    INTERVALS,
    add_legend,
    baseline_words,
    draw_baseline,
    focus,
    intervals_text,
    make_key,
    new_figure,
    note,
    without_common,
)
from foundry_bench.report.figures.style import INK, baseline_style, level_colours
from foundry_bench.report.sections import Picture, picture
from foundry_bench.report.statistics.intervals import Interval
from foundry_bench.report.study.levels import SUPERTOKENS
from foundry_bench.report.study.measures import HELDOUT_NMSE, Measure
from foundry_bench.report.study.summary import TEACHER, Group, Summary
from foundry_bench.report.table import Line, counted_line, spread_line
from foundry_bench.report.wording import capital, mean_text

MIN_VARIANTS = 4
"""Fewer series are told apart well enough by a profile, if it has lines."""

WITHOUT = "#8a8f98"
"""Colour of students that have no number of SuperTokens."""

FAR_OTHERS = 0.3
"""What baselines but the teacher may add to the range of variants, in its spans."""

LABEL_LETTERS = 20
"""What a line of a variant's name has room for."""


@dataclass(frozen=True)
class Standing:
    """A variant, and its groups by their numbers of SuperTokens (None for students without)."""

    series: str
    groups: Mapping[int | None, Group]

    @property
    def role(self) -> Role:
        """Of all groups."""
        return next(iter(self.groups.values())).role


@dataclass(frozen=True)
class Ranking:
    """Variants by their result at the largest number of SuperTokens, the best first; beside it
    their held-out error.
    """

    y: Measure
    standings: tuple[Standing, ...]
    baselines: tuple[BaselineLine, ...]

    @property
    def counts(self) -> list[int | None]:
        """The numbers of SuperTokens that there are, None last."""
        found = {count for standing in self.standings for count in standing.groups}
        return sorted(found, key=lambda count: math.inf if count is None else count)

    @property
    def results(self) -> list[Interval]:
        """Of all groups."""
        groups = (group for standing in self.standings for group in standing.groups.values())
        return [group.interval(self.y) for group in groups]

    def lines(self) -> list[Line]:
        """A line per variant and s, then the baselines."""
        means: list[Line] = [
            {
                "what": "mean",
                "role": standing.role,
                "series": standing.series,
                "supertokens": "" if count is None else count,
                **counted_line("y", group.interval(self.y)),
                **spread_line(HELDOUT_NMSE.slug, group.interval(HELDOUT_NMSE)),
            }
            for standing in self.standings
            for count, group in standing.groups.items()
        ]
        return means + baseline_lines(self.baselines)


def rank(summary: Summary, y: Measure) -> Ranking | None:
    """The variants in the context of the first main series, at its numbers of SuperTokens.

    Baselines that are students of their own, such as another one not distilled, are among them.
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
        name: {
            group.supertokens: group
            for group in groups
            if group.by_seed.get(y)
            and group.supertokens in counts
            and group.setting.context == context
        }
        for name, groups in {**summary.series(), **others}.items()
    }
    standings = [Standing(name, groups) for name, groups in found.items() if groups]
    has_lines = any(len(standing.groups) > 1 for standing in standings)
    if len(standings) < (MIN_VARIANTS if has_lines else MIN_VARIANTS - 1):
        return None

    def at_largest(standing: Standing) -> float:
        count = max(standing.groups, key=lambda count: count or 0)
        return standing.groups[count].interval(y).mean

    ordered = sorted(standings, key=at_largest, reverse=True)
    baselines = [
        group
        for group in summary.of_role("baseline")
        if group.setting.context == context and group.series not in others
    ]
    return Ranking(y, tuple(ordered), find_baselines(summary, y, baselines))


def _other_students(summary: Summary) -> dict[str, list[Group]]:
    """Baselines that are students of their own, and no main student without distillation."""
    students = {group.setting.student for group in summary.of_role("main")}
    found: dict[str, list[Group]] = {}
    for group in summary.of_role("baseline"):
        if group.variant != TEACHER and group.setting.student not in students:
            found.setdefault(group.series, []).append(group)
    return found


def draw_ranking(data: Ranking) -> Figure:
    """A row a variant, the best on top; a colour a number of SuperTokens; the main one filled."""
    rows, labels = len(data.standings), _labels(data)
    num_lines = max(label.count("\n") + 1 for label in labels)
    figure = new_figure(1.25 + max(0.2, 0.02 + 0.12 * num_lines) * rows)
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(2.0, 1.0))
    by_level = level_colours(SUPERTOKENS, [count for count in data.counts if count is not None])
    colours = {count: WITHOUT if count is None else by_level[count] for count in data.counts}
    for row, standing in enumerate(data.standings):
        for axes, measure in ((left, data.y), (right, HELDOUT_NMSE)):
            _draw_row(axes, row, standing, measure, colours)
    near = _draw_baselines(left, data)
    left.set_yticks(range(rows), labels)
    for label, standing in zip(left.get_yticklabels(), data.standings, strict=True):
        label.set_fontweight("bold" if standing.role == "main" else "normal")
    left.set_ylim(rows - 0.5, -0.5)
    is_long = len(data.y.short) > LABEL_LETTERS
    left.set_xlabel(f"{data.y.short} ({data.y.unit})", loc="left" if is_long else "center")
    right.set_xlabel(HELDOUT_NMSE.axis, loc="right")
    for axes, num_ticks in ((left, 5), (right, 3)):
        axes.xaxis.set_major_locator(MaxNLocator(num_ticks))
        axes.tick_params(axis="y", length=0)
    note(left, intervals_text([mark.n for mark in data.results]))
    _add_legends(figure, data, colours, near)
    return figure


def _labels(data: Ranking) -> list[str]:
    """What tells the series apart, in lines of a column's width."""
    names = without_common([standing.series for standing in data.standings])
    return ["\n".join(wrap(name, LABEL_LETTERS)) for name in names]


def _draw_row(
    axes: Axes, row: int, standing: Standing, measure: Measure, colours: Mapping[int | None, str]
) -> None:
    numbers = [count for count in colours if count is not None]
    step, is_main = min(0.22, 0.6 / len(colours)), standing.role == "main"
    for count, group in standing.groups.items():
        if measure not in group.by_seed:
            continue
        mark, colour = group.interval(measure), colours[count]
        middle = (len(numbers) - 1) / 2
        place = row + (0.0 if count is None else step * (numbers.index(count) - middle))
        if mark.is_bounded:
            axes.hlines(place, mark.low, mark.high, color=colour, linewidth=1.1, zorder=3)
        axes.plot(
            mark.mean,
            place,
            marker="s" if standing.role == "baseline" else "D" if count is None else "o",
            markersize=4.4,
            markeredgewidth=1.0,
            markeredgecolor=INK if is_main else colour,
            markerfacecolor=colour if is_main else "white",
            zorder=4,
        )


def _draw_baselines(axes: Axes, data: Ranking) -> list[BaselineLine]:
    """The baselines near the variants, as vertical lines with bands; sets the x limits."""
    ends = [end for mark in data.results for end in mark.ends]
    teachers = [line.interval.mean for line in data.baselines if line.variant == TEACHER]
    others = [line.interval.mean for line in data.baselines if line.variant != TEACHER]
    low, high = focus(focus(ends, teachers), others, FAR_OTHERS)
    near = [line for line in data.baselines if low <= line.interval.mean <= high]
    for line in near:
        draw_baseline(axes.axvline, axes.axvspan, line)
    pad = 0.05 * (high - low or 1.0)
    axes.set_xlim(low - pad, high + pad)
    return near


def _add_legends(
    figure: Figure, data: Ranking, colours: Mapping[int | None, str], near: Sequence[BaselineLine]
) -> None:
    keys = [
        make_key("without SuperTokens", colours[count], "D")
        if count is None
        else make_key(SUPERTOKENS.text(count), colours[count])
        for count in data.counts
    ]
    add_legend(figure, "outside upper left", keys, len(keys), handletextpad=0.1, columnspacing=0.8)
    lines = []
    for line in data.baselines:
        colour, dash = baseline_style(line.variant)
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
    is_baselineed = any(standing.role == "baseline" for standing in data.standings)
    squares = ", other students that were not distilled are squares" if is_baselineed else ""
    caption = (
        f"{capital(data.y.label)} of each variant, and beside it its {HELDOUT_NMSE.label}, sorted"
        " by the result at the largest number of SuperTokens s (colour). The main student is filled"
        f" and bold{squares}. {INTERVALS}.{baseline_words(data.baselines)}"
    )
    names = ", ".join(standing.series for standing in data.standings)
    title = f"{capital(data.y.label)} by variant"
    alt = f"Dots with intervals of {data.y.label}, a row a variant, from the best: {names}."
    return picture(f"{data.y.slug}_by_variant", title, caption, alt, data, draw_ranking)
