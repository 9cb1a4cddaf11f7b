"""What scenes cost against their points: time above, peak memory below."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from foundry_bench.report.figures.canvas import PowerFormatter, legend_columns, new_figure, note
from foundry_bench.report.figures.style import INK, MARKERS, SERIES, SOFT
from foundry_bench.report.profiles.scenes import Scene

DASHES: dict[str, Any] = {"fused": "-", "materialised": (0, (3, 2))}


def draw_scenes(scenes: Sequence[Scene]) -> Figure:
    """A line a model and attention, of scenes on one device within one limit; a cross where memory
    was not enough.
    """
    figure = new_figure(4.4)
    above, below = figure.subplots(2, 1, sharex=True)
    models = list(dict.fromkeys(scene.model for scene in scenes))
    panels: list[tuple[Axes, Callable[[Scene], float], str]] = [
        (above, lambda scene: scene.network_s, "time of a pass (s)"),
        (below, lambda scene: scene.peak_gib, "peak memory (GiB)"),
    ]
    for axes, value, label in panels:
        axes.set_xscale("log")
        axes.set_yscale("log")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PowerFormatter())
            axis.set_minor_formatter(PowerFormatter(minor_thresholds=(1, 0.4)))
        for series in dict.fromkeys(scene.series for scene in scenes):
            line = [scene for scene in scenes if scene.series == series]
            _draw_line(axes, line, value, models.index(series[0]))
        axes.set_ylabel(label)
    limit = scenes[0].limit_gib
    if limit is not None:
        below.axhline(limit, color=SOFT, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
    _mark_missing(below, scenes, models, limit)
    below.set_xlabel("points of a scene")
    words = "the whole device" if limit is None else f"emulated device of {limit:g} GiB"
    note(above, f"{scenes[0].device}\n{words}, batch 1, float32")
    _add_legend(figure, scenes, models)
    return figure


def _draw_line(
    axes: Axes, line: Sequence[Scene], value: Callable[[Scene], float], index: int
) -> None:
    known = [scene for scene in line if math.isfinite(value(scene))]
    axes.plot(
        [scene.points for scene in known],
        [value(scene) for scene in known],
        color=SERIES[index % len(SERIES)],
        marker=MARKERS[index % len(MARKERS)],
        markersize=4.2,
        markerfacecolor=SERIES[index % len(SERIES)] if line[0].attention == "fused" else "white",
        linestyle=DASHES.get(line[0].attention, "-"),
        linewidth=1.2,
    )


def _mark_missing(
    axes: Axes, scenes: Sequence[Scene], models: Sequence[str], limit: float | None
) -> None:
    """Crosses at the limit, or at the top of what was measured, one beside the other."""
    missing = [scene for scene in scenes if scene.is_oom]
    names = [model for model in models if any(scene.model == model for scene in missing)]
    known = [scene.peak_gib for scene in scenes if not scene.is_oom]
    place = 1.25 * (limit or max(known, default=1.0))
    for scene in missing:
        aside = names.index(scene.model) - (len(names) - 1) / 2
        axes.plot(
            scene.points * (1 + 0.05 * aside),
            place * (1.3 if scene.attention == "materialised" else 1.0),
            marker="x",
            markersize=5,
            markeredgewidth=1.4,
            color=SERIES[models.index(scene.model) % len(SERIES)],
            linestyle="",
            zorder=4,
        )


def _add_legend(figure: Figure, scenes: Sequence[Scene], models: Sequence[str]) -> None:
    handles = [
        Line2D(
            [],
            [],
            color=SERIES[index % len(SERIES)],
            marker=MARKERS[index % len(MARKERS)],
            markersize=4.2,
            label=model.replace("_", " "),
        )
        for index, model in enumerate(models)
    ]
    attentions = list(dict.fromkeys(scene.attention for scene in scenes))
    handles += [
        Line2D([], [], color=INK, linestyle=DASHES.get(each, "-"), label=each)
        for each in attentions
    ]
    if any(scene.is_oom for scene in scenes):
        label = "out of memory"
        handles.append(Line2D([], [], color=INK, marker="x", linestyle="", label=label))
    names = [str(handle.get_label()) for handle in handles]
    figure.legend(
        handles=handles,
        loc="outside upper left",
        ncols=legend_columns(names),
        columnspacing=1.0,
        borderaxespad=0.0,
    )
