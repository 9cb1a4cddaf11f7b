"""A number of distillation against a result: the paper's Fig. 2."""

import math
from collections.abc import Sequence
from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from foundry_bench.record import Role
from foundry_bench.report.analysis.relation import Relation
from foundry_bench.report.figures.canvas import (
    INTERVALS,
    add_legend,
    add_series_legend,
    baseline_words,
    draw_baselines,
    draw_mean,
    focus,
    make_key,
    new_figure,
    note,
    seeds_text,
)
from foundry_bench.report.figures.style import MARKERS, SOFT, level_colours
from foundry_bench.report.sections import Picture, picture
from foundry_bench.report.statistics.correlation import RankCorrelation, coverage_text
from foundry_bench.report.study.levels import SUPERTOKENS, Axis
from foundry_bench.report.study.measures import DISTILL_LOSS
from foundry_bench.report.wording import capital, number

MOST_LETTERS = 62
"""That fit above the axes in a line."""

MAIN_LOOKS = {"markersize": 6.2, "markeredgewidth": 0.7, "elinewidth": 0.9, "zorder": 4.0}
ABLATION_LOOKS = {"markersize": 5.2, "markeredgewidth": 1.1, "elinewidth": 0.9, "zorder": 3.5}
"""Of means."""


def draw_relation(data: Relation) -> Figure:
    """A small point a run, a large one a mean with both intervals; baselines as lines."""
    figure = new_figure(3.1)
    axes = figure.add_subplot()
    colours = level_colours(data.axis, [each.level for each in data.clusters])
    is_main = {each.series: each.role == "main" for each in data.clusters}
    markers = {name: MARKERS[index % len(MARKERS)] for index, name in enumerate(is_main)}
    for each in data.clusters:
        colour = colours[each.level]
        for seed, x in each.xs.items():
            axes.scatter(
                x,
                each.ys[seed],
                s=11,
                marker=markers[each.series],
                zorder=3,
                alpha=0.75,
                linewidths=0.7,
                edgecolors=colour,
                facecolors=colour if is_main[each.series] else "none",
            )
    for each in data.clusters:
        main, marker = is_main[each.series], markers[each.series]
        looks = MAIN_LOOKS if main else ABLATION_LOOKS
        draw_mean(axes, each.x, each.y, colours[each.level], marker, is_filled=main, **looks)
    for clusters in data.main.values():
        means = [each.x.mean for each in clusters], [each.y.mean for each in clusters]
        axes.plot(*means, color=SOFT, linewidth=0.7, alpha=0.6, zorder=2)
    xs = _range([(each.role, [*each.xs.values(), *each.x.ends]) for each in data.clusters])
    ys = _range([(each.role, [*each.ys.values(), *each.y.ends]) for each in data.clusters])
    draw_baselines(axes, data.baselines, ys, data.y.digits)
    margin = 0.05 * (xs[1] - xs[0] or 1.0)
    axes.set_xlim(xs[0] - margin, xs[1] + margin)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_xlabel(data.x_axis)
    axes.set_ylabel(data.y.axis)
    note(axes, _remark(data, axes))
    _add_legends(figure, data.axis, colours, markers, is_main)
    return figure


def _range(values: Sequence[tuple[Role, list[float]]]) -> tuple[float, float]:
    """What an axis must show: the main runs with their intervals, and what lies near them."""
    main, others = (
        [value for role, several in values if (role == "main") == is_main for value in several]
        for is_main in (True, False)
    )
    return focus(main, others)


def _remark(data: Relation, axes: Axes) -> str:
    seeds = seeds_text([centre.y.n for centre in data.clusters])
    found = {name: each for name, each in data.correlations.items() if math.isfinite(each.rho)}
    if len(data.main) > 1:
        lines = [f"{name}: {_rho_text(each)}, {each.n} runs" for name, each in found.items()]
        lines.append(f"Spearman's ρ, {seeds}" if found else seeds)
    else:
        lines = [f"Spearman's {_rho_text(each)}" for each in found.values()]
        counted = [
            f"{each.n} runs, {each.levels} values of {data.axis.symbol}, "
            for each in found.values()
        ]
        lines.append("".join([*counted, seeds]))
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    lines += [
        f"off scale: {c.series}, {data.axis.text(c.level)}"
        f" ({c.x.mean:.3g}, {data.y.text(c.y.mean)})"
        for c in data.clusters
        if not (left <= c.x.mean <= right and bottom <= c.y.mean <= top)
    ]
    return "\n".join(fill(line, MOST_LETTERS) for line in lines)


def _rho_text(found: RankCorrelation) -> str:
    interval = (
        f" [{number(found.low, 2)}, {number(found.high, 2)}]" if math.isfinite(found.low) else ""
    )
    return f"ρ = {number(found.rho, 2)}{interval}"


def _add_legends(
    figure: Figure,
    axis: Axis,
    colours: dict[float, str],
    markers: dict[str, str],
    is_main: dict[str, bool],
) -> None:
    keys = [make_key(f"{axis.symbol} =", marker="")]
    keys += [make_key(f"{level:g}", colour) for level, colour in colours.items()]
    add_legend(figure, "outside upper left", keys, len(keys), handletextpad=0.1, columnspacing=0.6)
    if len(markers) > 1:
        series = [
            make_key(
                name, None, marker, markeredgecolor=SOFT,
                markerfacecolor=SOFT if is_main[name] else "none",
            )
            for name, marker in markers.items()
        ]  # fmt: skip
        add_series_legend(figure, series)


def picture_relation(data: Relation | None, lead: str) -> Picture | None:
    """The picture of a relation, if there is one; its caption begins with `lead`."""
    if data is None:
        return None
    what = (
        "mean training loss of the last epoch"
        if data.x == DISTILL_LOSS
        else "mean squared error on the task's test clouds over each token's own variance, so that"
        " 1 is a prediction of a token's channel mean"
    )
    level = "number of SuperTokens s" if data.axis == SUPERTOKENS else data.axis.symbol
    ablations = (
        "open markers are ablations" if data.has_all else "ablations, many here, are left out"
    )
    runs = "the runs of each main series" if len(data.main) > 1 else "the main runs"
    caption = (
        f"{lead}{data.x.label if lead else capital(data.x.label)} ({what}) against"
        f" {data.y.label}. A small point is one run, a large"
        f" one the mean of a {level} (colour). {INTERVALS} both ways; {ablations}."
        f"{baseline_words(data.baselines)} Spearman's ρ is over {runs}, its interval a bootstrap of"
        f" seeds within each {data.axis.symbol}{_coverage(data)}."
    )
    name = f"{'loss' if data.x == DISTILL_LOSS else 'nmse'}_vs_{data.y.slug}"
    title = f"{capital(data.x.label)} against {data.y.label}"
    colours = "SuperTokens" if data.axis == SUPERTOKENS else data.axis.symbol
    num_runs = sum(len(each.xs) for each in data.clusters)
    alt = f"{title}: {num_runs} runs as points, coloured by {colours}."
    return picture(name, title, caption, alt, data, draw_relation)


def _coverage(data: Relation) -> str:
    """How often the interval of the rank correlation is right; empty where there is none."""
    seeds = [found.seeds for found in data.correlations.values() if math.isfinite(found.low)]
    return f" ({coverage_text(min(seeds))})" if seeds else ""
