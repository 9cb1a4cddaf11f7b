"""Backbones on many tasks: a row a task, a point a backbone, as the difference to the teacher."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from foundry_bench.report.analysis.generality import Generality, task_text
from foundry_bench.report.figures.backbones import (
    add_backbones,
    call_backbone,
    choose_looks,
    draw_beside,
)
from foundry_bench.report.figures.canvas import INTERVALS, intervals_text, new_figure, note
from foundry_bench.report.figures.style import INK, MAIN, SOFT
from foundry_bench.report.sections import Picture, picture
from foundry_bench.report.statistics.intervals import Difference, Interval
from foundry_bench.report.study.measures import Measure, own_label
from foundry_bench.report.study.summary import TEACHER, Group
from foundry_bench.report.table import Line, counted_line
from foundry_bench.report.wording import and_list, number

MAX_BACKBONES = 6
"""That a row has room for; ablations are the first to be left out."""

LINEAR = 2.0
"""Points on both sides of the teacher within which the axis is linear; beyond it is logarithmic."""

NEAR = 1.0
"""The shaded band: no further than so many points from the teacher."""

_TICKS = (1, 2, 5, 10, 20, 50, 100)


_TICK_GAP = 0.11
"""The room of a tick's number, as a part of the axis."""


@dataclass(frozen=True)
class TaskRow:
    """A result of a task.

    Attributes:
        task: in words.
        detail: the data set, if the task does not say it, and the metric.
        teacher: what the differences are to.
        marks: what each backbone has more than the teacher.
    """

    measure: Measure
    task: str
    detail: str
    teacher: Interval
    marks: dict[Group, Difference]


@dataclass(frozen=True)
class Matrix:
    """Backbones by tasks.

    Attributes:
        students: main ones first.
        has_all: whether ablations are among them, if there are any.
    """

    students: tuple[Group, ...]
    rows: tuple[TaskRow, ...]
    has_all: bool

    @property
    def changes(self) -> list[Difference]:
        """Of all rows and backbones."""
        return [change for row in self.rows for change in row.marks.values()]

    def lines(self) -> list[Line]:
        """A line per task and backbone."""
        return [
            {
                "task": row.measure.task,
                "metric": row.measure.metric,
                "series": call_backbone(student),
                "role": student.role,
                "teacher": row.teacher.mean,
                **counted_line("to_teacher", change),
                "p_holm": change.p,
            }
            for row in self.rows
            for student, change in row.marks.items()
        ]


def arrange(generality: Generality) -> Matrix | None:
    """The headline results that are shares, in the context of the first main series.

    None if no backbone has a difference to the teacher.
    """
    main = generality.summary.main()
    if not main:
        return None
    context = main[0].setting.context
    near = [group for group in generality.changes if group.setting.context == context]
    teacher = next((group for group in near if group.variant == TEACHER), None)
    compared = sorted(
        filter(generality.to_teacher, near),
        key=lambda group: ("main", "baseline", "ablation").index(group.role),
    )
    drawn = _thin_out(compared)
    if teacher is None:
        return None
    rows = []
    for measure in generality.measures:
        changes = {group: generality.to_teacher(group).get(measure) for group in drawn}
        marks = {group: change for group, change in changes.items() if change is not None}
        if marks and measure.unit == "%" and not measure.is_further:
            texts = _name(measure, generality.data.get(measure.task, ""))
            rows.append(TaskRow(measure, *texts, teacher.interval(measure), marks))
    return Matrix(tuple(drawn), tuple(rows), len(drawn) == len(compared)) if rows else None


def _name(measure: Measure, data: str) -> tuple[str, str]:
    """A row's task and detail: what a label of one's own leaves out, the detail says."""
    own = own_label(measure.task, measure.word)
    text, detail = task_text(measure), measure.name
    if own == measure.task:
        text = own.replace("_", " ")
        detail = measure.label.removeprefix(f"{text} ")
    return text, detail if data in ("", own) else f"{detail}, {data}"


def _thin_out(backbones: Sequence[Group]) -> list[Group]:
    """Without ablations, if there are too many; of main students then the last ones."""
    if len(backbones) <= MAX_BACKBONES:
        return list(backbones)
    kept = [each for each in backbones if each.role != "ablation"]
    return kept[max(0, len(kept) - MAX_BACKBONES) :]


def draw_matrix(data: Matrix) -> Figure:
    """A row a task with the teacher's own result at the right; main students are filled."""
    num_rows = len(data.rows)
    figure = new_figure(1.05 + 0.29 * num_rows)
    axes = figure.add_subplot()
    axes.axvspan(-NEAR, NEAR, color=MAIN, alpha=0.08, linewidth=0, zorder=0.5)
    axes.axvline(0, color=INK, linewidth=0.9, zorder=1)
    looks = choose_looks(data.students)
    step = min(0.17, 0.62 / len(looks))
    for place, row in enumerate(data.rows):
        draw_beside(axes, looks, place, row.marks, step)
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
    note(axes, intervals_text([change.n for change in data.changes]))
    add_backbones(figure, looks)
    return figure


def _name_row(axes: Axes, place: int, row: TaskRow) -> None:
    for text, up, size, colour in ((row.task, 0.2, 6.6, INK), (row.detail, -0.22, 5.6, SOFT)):
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
    low = min(*(change.ends[0] for change in data.changes), -LINEAR)
    high = max(*(change.ends[1] for change in data.changes), LINEAR)
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


def picture_matrix(data: Matrix) -> Picture:
    """The backbones against the teacher."""
    names = and_list(map(call_backbone, data.students))
    untrained = sorted({row.task for row in data.rows if not row.measure.is_trained})
    scratch = (
        f" On {and_list(untrained)} nothing is trained: from scratch is random weights there."
        if untrained and any(student.variant == "scratch" for student in data.students)
        else ""
    )
    left_out = "" if data.has_all else " Further backbones are in the table of all tasks."
    caption = (
        "How far each backbone is from the teacher on each task, in points, paired by seed; at the"
        f" right the teacher's own result. The shaded band is {NEAR:g} point on both sides; the"
        f" axis is linear up to {LINEAR:g} points and logarithmic beyond. Main students are"
        f" filled. {INTERVALS}.{scratch}{left_out}"
    )
    title = "Every task, against the teacher"
    alt = f"A row a task, {len(data.rows)} in all: differences to the teacher of {names}."
    return picture("generality", title, caption, alt, data, draw_matrix)
