"""Backbones on many tasks: how far each is from the teacher, task by task."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from foundry_bench.report.backbones import Named
from foundry_bench.report.figures.backbones import Look, add_legend, choose_looks, make_marker
from foundry_bench.report.figures.canvas import intervals_text, new_figure, note
from foundry_bench.report.matrices import Matrix, TaskRow
from foundry_bench.report.stats import Difference
from foundry_bench.report.style import INK, MAIN, SOFT
from foundry_bench.report.wording import number

LINEAR = 2.0
"""Points on both sides of the teacher within which the axis is linear; beyond it is logarithmic."""

NEAR = 1.0
"""The shaded band: no further than so many points from the teacher."""

_TICKS = (1, 2, 5, 10, 20, 50, 100)
_TICK_GAP = 0.11
"""The room of a tick's number, as a part of the axis."""


def draw_matrix(data: Matrix) -> Figure:
    """A row a task with the teacher's own result at the right; main students are filled."""
    num_rows = len(data.rows)
    figure = new_figure(1.05 + 0.29 * num_rows)
    axes = figure.add_subplot()
    axes.axvspan(-NEAR, NEAR, color=MAIN, alpha=0.08, linewidth=0, zorder=0.5)
    axes.axvline(0, color=INK, linewidth=0.9, zorder=1)
    looks = choose_looks(data.students)
    for place, row in enumerate(data.rows):
        _draw_row(axes, place, row, data.students, looks)
        _name_row(axes, place, row)
        is_new = place > 0 and row.measure.word != data.rows[place - 1].measure.word
        if is_new:
            axes.axhline(place - 0.5, color="#c9cdd2", linewidth=0.6, zorder=0.8)
    axes.set_yticks([])
    axes.set_ylim(num_rows - 0.5, -0.5)
    _scale(axes, data)
    axes.set_xlabel("difference to the teacher (points)")
    axes.annotate(
        "teacher", (1.02, 1.0), (0, 4), xycoords="axes fraction", textcoords="offset points",
        fontsize=6.2, color=SOFT, va="baseline",
    )  # fmt: skip
    marks = [change for row in data.rows for change in row.marks.values()]
    note(axes, intervals_text([change.n for change in marks]))
    add_legend(figure, looks)
    return figure


def _draw_row(
    axes: Axes,
    place: int,
    row: TaskRow,
    students: Sequence[Named],
    looks: Mapping[Named, Look],
) -> None:
    step = min(0.17, 0.62 / len(students))
    for index, student in enumerate(students):
        change = row.marks.get(student)
        if change is None:
            continue
        height = place + step * (index - (len(students) - 1) / 2)
        if change.is_bounded:
            axes.hlines(
                height, change.low, change.high, color=looks[student][0], linewidth=1.0, zorder=3
            )
        mark = make_marker(student, looks[student])
        mark.set_data([change.mean], [height])
        axes.add_line(mark)


def _name_row(axes: Axes, place: int, row: TaskRow) -> None:
    for text, up, size, colour in (
        (row.task, 0.2, 6.6, INK),
        (row.detail, -0.22, 5.6, SOFT),
    ):
        axes.annotate(
            text, (-0.025, place - up), xycoords=("axes fraction", "data"), ha="right", va="center",
            fontsize=size, color=colour, annotation_clip=False,
        )  # fmt: skip
    axes.annotate(
        f"{number(row.teacher.mean, row.measure.digits)} {row.measure.unit}",
        (1.02, place), xycoords=("axes fraction", "data"), va="center", fontsize=6.2, color=INK,
        annotation_clip=False,
    )  # fmt: skip


def _scale(axes: Axes, data: Matrix) -> None:
    """Linear near the teacher and logarithmic beyond, so that near and far backbones show."""
    marks = [change for row in data.rows for change in row.marks.values()]
    low = min(*(_ends(change)[0] for change in marks), -LINEAR)
    high = max(*(_ends(change)[1] for change in marks), LINEAR)
    axes.set_xscale("symlog", linthresh=LINEAR, linscale=0.6)
    axes.set_xlim(1.2 * low, 1.15 * high)
    axes.xaxis.set_major_locator(FixedLocator(_ticks(axes)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda tick, _: number(tick, 0, signed=tick != 0)))


def _ticks(axes: Axes) -> list[float]:
    """Round numbers on both sides of 0, the nearest first, where they do not touch each other."""
    low, high = axes.get_xlim()
    transform = axes.xaxis.get_transform()

    def at(tick: float) -> float:
        left, right, place = (float(transform.transform(each)) for each in (low, high, tick))
        return (place - left) / (right - left)

    chosen = [0.0]
    for tick in (sign * tick for tick in _TICKS for sign in (-1.0, 1.0)):
        is_free = all(abs(at(tick) - at(other)) > _TICK_GAP for other in chosen)
        if low <= tick <= high and is_free:
            chosen.append(tick)
    return sorted(chosen)


def _ends(change: Difference) -> tuple[float, float]:
    return (change.low, change.high) if math.isfinite(change.low) else (change.mean, change.mean)
