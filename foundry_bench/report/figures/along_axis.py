"""Results along an axis: SuperTokens, token budget, λ of a gate with the tokens that it keeps."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from foundry_bench.record import Role
from foundry_bench.report.analysis.baselines import (
    MAX_SERIES,
    BaselineLine,
    baseline_lines,
    find_baselines,
)
from foundry_bench.report.figures.canvas import (
    INTERVALS,
    add_legend,
    baseline_words,
    draw_baselines,
    focus,
    intervals_text,
    legend_columns,
    new_figure,
    note,
    superscript,
)
from foundry_bench.report.figures.style import MARKERS, SERIES, SOFT
from foundry_bench.report.sections import Picture, picture
from foundry_bench.report.statistics.intervals import Interval
from foundry_bench.report.study.levels import BUDGET, GATE_LAMBDA, LAMBDA_TO_EPS, SUPERTOKENS, Axis
from foundry_bench.report.study.measures import ENCODER_TOKENS, KEPT_TOKENS, Measure
from foundry_bench.report.study.runs import INFERENCE_ONLY
from foundry_bench.report.study.summary import Summary
from foundry_bench.report.table import Line, counted_line
from foundry_bench.report.wording import capital

DODGE, MOST_DODGED = 0.07, 0.21
"""Steps of log2 s between series, so that their intervals do not cover each other: less where there
are many series.
"""

MAX_TICKS = 8


Places = Mapping[float, float]

_LEADS = {BUDGET: "Fig. 3 of the paper: ", GATE_LAMBDA: "Fig. 5 of the paper: "}


@dataclass(frozen=True)
class Mark:
    """One point of a profile."""

    x: float
    interval: Interval
    by_seed: Mapping[int, float]


@dataclass(frozen=True)
class Profile:
    """A number along an axis, a series a line.

    Attributes:
        series: name -> (role, marks along the axis), main series first.
    """

    y: Measure
    axis: Axis
    series: Mapping[str, tuple[Role, tuple[Mark, ...]]]
    baselines: tuple[BaselineLine, ...] = ()

    @property
    def all_marks(self) -> list[Mark]:
        """Of all series."""
        return [mark for _, marks in self.series.values() for mark in marks]

    @property
    def is_readable(self) -> bool:
        """Whether some series is a line, and markers tell all apart."""
        longest = max(len(marks) for _, marks in self.series.values())
        return longest > 1 and len(self.series) <= MAX_SERIES

    def lines(self) -> list[Line]:
        """Means and baselines."""
        means: list[Line] = [
            {
                "what": "mean",
                "role": role,
                "series": name,
                self.axis.name: mark.x,
                **counted_line("y", mark.interval),
            }
            for name, (role, marks) in self.series.items()
            for mark in marks
        ]
        return means + baseline_lines(self.baselines)


@dataclass(frozen=True)
class GateProfile:
    """A result and the tokens that the gate kept, along the same axis (Fig. 5 of the paper).

    Attributes:
        num_tokens: tokens of a cloud, where a record of the teacher says so.
    """

    result: Profile
    kept: Profile
    num_tokens: float | None = None

    def lines(self) -> list[Line]:
        """Of both; `measure` tells which."""
        return [
            {"measure": each.y.slug, **line}
            for each in (self.result, self.kept)
            for line in each.lines()
        ]


def profile(summary: Summary, y: Measure, axis: Axis | None = None) -> Profile | None:
    """`y` along `axis`, by default the summary's; None if nothing has it."""
    along = axis or summary.axis
    series = {
        name: (
            groups[0].role,
            tuple(
                Mark(group.level.on(along) or 0.0, group.interval(y), group.by_seed[y])
                for group in groups
            ),
        )
        for name, groups in summary.series(along, having=y).items()
    }
    return Profile(y, along, series, find_baselines(summary, y)) if series else None


def gate_profile(summary: Summary, y: Measure, axis: Axis) -> GateProfile | None:
    """`y` and the kept tokens along `axis`; None if nothing has both."""
    result, kept = profile(summary, y, axis), profile(summary, KEPT_TOKENS, axis)
    if result is None or kept is None:
        return None
    known = [
        group.interval(ENCODER_TOKENS).mean
        for group in summary.teachers
        if group.by_seed.get(ENCODER_TOKENS)
    ]
    both = {name: marks for name, marks in kept.series.items() if name in result.series}
    return GateProfile(
        result, replace(kept, series=both, baselines=()), known[0] if known else None
    )


def draw_profile(data: Profile) -> Figure:
    """Mean and interval over seeds, a small point a run, a line a series; baselines as lines."""
    figure = new_figure(2.75)
    axes = figure.add_subplot()
    places = data.axis.places(mark.x for mark in data.all_marks)
    _draw_lines(axes, data, list(data.series), places)
    _draw_beside(axes, data, places)
    _set_axis(axes, data.axis, places)
    axes.set_ylabel(data.y.axis)
    _add_legend(figure, data)
    return figure


def draw_gate_profile(data: GateProfile) -> Figure:
    """The result above the kept tokens, along the same axis."""
    figure = new_figure(4.0)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1.6, 1.0))
    axis, kept = data.result.axis, data.kept.all_marks
    places = axis.places(mark.x for mark in data.result.all_marks)
    places |= axis.places(mark.x for mark in kept)
    for axes, each in ((above, data.result), (below, data.kept)):
        _draw_lines(axes, each, list(data.result.series), places)
        axes.set_ylabel(each.y.axis)
    _draw_beside(above, data.result, places)
    most = max(mark.interval.mean for mark in kept)
    if data.num_tokens is not None:
        below.axhline(data.num_tokens, color=SOFT, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
        most = max(most, data.num_tokens)
    below.set_ylim(-0.05 * (most or 1.0), 1.08 * (most or 1.0))
    for axes in (above, below):
        _set_axis(axes, axis, places)
    above.set_xlabel("")
    _add_legend(figure, data.result)
    return figure


def _draw_beside(axes: Axes, data: Profile, places: Places) -> None:
    """Beside lines that are drawn: baselines, what lies off scale, and how many seeds there are."""
    limits = focus(_reach(data, is_main=True), _reach(data, is_main=False))
    draw_baselines(axes, data.baselines, limits, data.y.digits)
    _name_far(axes, data, places)
    note(axes, intervals_text([mark.interval.n for mark in data.all_marks]))


def _set_axis(axes: Axes, axis: Axis, places: Places) -> None:
    """Ticks and limits along `axis`: every count; of weights 0 and the powers of ten."""
    low, high = min(places.values()), max(places.values())
    positive = [place for level, place in places.items() if level > 0]
    ticks = {place: f"{level:g}" for level, place in places.items()}
    decades = range(math.ceil(min(positive, default=low)), math.floor(high) + 1)
    if not axis.is_count and len(decades) > 1:
        step = math.ceil(len(decades) / MAX_TICKS)
        ticks = {float(power): f"10{superscript(power)}" for power in decades[::step]}
        if 0 in places:
            ticks[places[0]] = "0"
    axes.set_xticks(list(ticks), list(ticks.values()))
    if 0 in places and len(places) > 1:
        axes.axvline(places[0] + 0.5, color=SOFT, linewidth=0.8, linestyle=(0, (1, 2)), zorder=1)
    axes.set_xlim(low - 0.3, high + 0.3)
    axes.set_xlabel(axis.label)


def _add_legend(figure: Figure, data: Profile) -> None:
    if len(data.series) > 1:
        keys, names = figure.axes[0].get_legend_handles_labels()
        add_legend(figure, "outside upper left", keys, legend_columns(names), columnspacing=1.0)


def _reach(data: Profile, *, is_main: bool) -> list[float]:
    return [
        bound
        for role, marks in data.series.values()
        for mark in marks
        for bound in (*mark.by_seed.values(), mark.interval.low, mark.interval.high)
        if (role == "main") == is_main and math.isfinite(bound)
    ]


def _name_far(axes: Axes, data: Profile, places: Places) -> None:
    """The value of each mean that lies outside of the axes, at the edge."""
    bottom, top = axes.get_ylim()
    for index, (_, marks) in enumerate(data.series.values()):
        for mark in marks:
            mean = mark.interval.mean
            if not bottom <= mean <= top:
                arrow, edge = ("↓", 0.015) if mean < bottom else ("↑", 0.985)
                axes.text(
                    places[mark.x],
                    edge,
                    f"{arrow} {data.y.text(mean)}",
                    transform=axes.get_xaxis_transform(),
                    ha="center",
                    va="bottom" if mean < bottom else "top",
                    fontsize=6.2,
                    color=SERIES[index % len(SERIES)],
                )


def _draw_lines(axes: Axes, data: Profile, names: Sequence[str], places: Places) -> None:
    """All series; `names` says which style each has."""
    for name, (role, marks) in data.series.items():
        index = names.index(name)
        step = min(DODGE, MOST_DODGED / len(data.series))
        shift = step * ((index + 1) // 2) * (1 if index % 2 else -1)
        xs = [places[mark.x] + shift for mark in marks]
        _draw_series(axes, name, role == "main", marks, index, xs)


def _draw_series(
    axes: Axes, name: str, main: bool, marks: Sequence[Mark], index: int, xs: Sequence[float]
) -> None:
    colour, marker = SERIES[index % len(SERIES)], MARKERS[index % len(MARKERS)]
    face = colour if main else "white"
    axes.plot(
        xs,
        [mark.interval.mean for mark in marks],
        color=colour,
        marker=marker,
        markersize=4.6,
        label=name,
        markerfacecolor=face,
        markeredgewidth=1.0,
        linestyle="-" if main else (0, (3, 2)),
        linewidth=1.4 if main else 1.0,
        zorder=4,
    )
    for x, mark in zip(xs, marks, strict=True):
        values = list(mark.by_seed.values())
        axes.scatter(
            [x] * len(values), values, s=6, color=colour, alpha=0.4, linewidths=0, zorder=3
        )
        if mark.interval.is_bounded:
            axes.vlines(
                x, mark.interval.low, mark.interval.high, color=colour, linewidth=1.0, zorder=3
            )


def picture_profile(data: Profile) -> Picture:
    """A result along an axis."""
    names = ", ".join(data.series)
    along = "the number of SuperTokens" if data.axis == SUPERTOKENS else data.axis.label
    scale = "log scale" if data.axis.is_count else "log scale, 0 apart"
    caption = (
        f"{_LEADS.get(data.axis, '')}{capital(data.y.label)} against {along} ({scale}) of {names};"
        f" small points are runs. {INTERVALS}.{_inference_words(data)}"
        f"{baseline_words(data.baselines)}"
    )
    against = {SUPERTOKENS: "SuperTokens", BUDGET: "token budget"}.get(data.axis, data.axis.symbol)
    title = f"{capital(data.y.label)} against {against}"
    alt = f"Lines of {data.y.label} over {along}, one per series: {names}."
    return picture(f"{data.y.slug}_vs_{data.axis.name}", title, caption, alt, data, draw_profile)


def picture_gate_profile(data: GateProfile) -> Picture:
    """A result and the tokens kept along an axis of the gate."""
    result, axis = data.result, data.result.axis
    names = ", ".join(result.series)
    of_all = "" if data.num_tokens is None else f" (of {data.num_tokens:g}: dashed)"
    why = " If only λ/ε mattered, the lines of all ε would be one." if axis == LAMBDA_TO_EPS else ""
    caption = (
        f"{_LEADS.get(axis, '')}{capital(result.y.label)} (above) and tokens that the gate keeps as"
        f" they are on a cloud{of_all} (below), against {axis.label} (log scale, 0 apart) of"
        f" {names}; small points are runs.{why} {INTERVALS}.{baseline_words(result.baselines)}"
    )
    title = f"{capital(result.y.label)} and kept tokens against {axis.symbol}"
    alt = f"Two panels over {axis.label}: {result.y.label}, and tokens kept; lines of {names}."
    name = f"{result.y.slug}_vs_{axis.name}"
    return picture(name, title, caption, alt, data, draw_gate_profile)


def _inference_words(data: Profile) -> str:
    name = INFERENCE_ONLY.replace("_", " ")
    if not any(series.startswith(name) for series in data.series):
        return ""
    return (
        f" {capital(name)}: the student fine-tuned at the largest budget, given a smaller one"
        " without further training; all others are fine-tuned at each budget."
    )
