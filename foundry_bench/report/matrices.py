"""Generality -> its figure: a row a task, a point a backbone, as the difference to the teacher."""

from collections.abc import Sequence
from dataclasses import dataclass

from foundry_bench.report.backbones import Named, name_backbone
from foundry_bench.report.figure_data import Line, spread_line
from foundry_bench.report.generality import Backbone, Generality, task_text
from foundry_bench.report.measures import Measure, own_label
from foundry_bench.report.stats import Difference, Interval
from foundry_bench.report.summary import TEACHER

MAX_BACKBONES = 6
"""That a row has room for; controls are the first to be left out."""


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
    marks: dict[Named, Difference]


@dataclass(frozen=True)
class Matrix:
    """Backbones by tasks.

    Attributes:
        students: main ones first.
        has_all: whether controls are among them, if there are any.
    """

    students: tuple[Named, ...]
    rows: tuple[TaskRow, ...]
    has_all: bool

    def lines(self) -> list[Line]:
        """A line per task and backbone."""
        return [
            {
                "task": row.measure.task,
                "metric": row.measure.metric,
                "series": student.name,
                "role": student.role,
                "teacher": row.teacher.mean,
                "n": change.n,
                **spread_line("to_teacher", change),
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
    near = [each for each in generality.backbones if each.group.setting.context == context]
    teacher = next((each for each in near if each.group.variant == TEACHER), None)
    compared = sorted(
        (each for each in near if each.to_teacher),
        key=lambda each: ("main", "anchor", "control").index(each.group.role),
    )
    drawn = _thin_out(compared)
    if teacher is None or not drawn:
        return None
    rows = []
    for measure in generality.measures:
        marks = {
            name_backbone(each.group): each.to_teacher[measure]
            for each in drawn
            if measure in each.to_teacher
        }
        if marks and measure.unit == "%" and not measure.is_further:
            texts = _name(measure, generality.data.get(measure.task, ""))
            rows.append(TaskRow(measure, *texts, teacher.group.interval(measure), marks))
    if not rows:
        return None
    return Matrix(
        tuple(name_backbone(each.group) for each in drawn), tuple(rows), len(drawn) == len(compared)
    )


def _name(measure: Measure, data: str) -> tuple[str, str]:
    """A row's task and detail: what a label of one's own leaves out, the detail says."""
    own = own_label(measure.task, measure.word)
    text, detail = task_text(measure), measure.name
    if own == measure.task:
        text = own.replace("_", " ")
        detail = measure.label.removeprefix(f"{text} ")
    return text, detail if data in ("", own) else f"{detail}, {data}"


def _thin_out(backbones: Sequence[Backbone]) -> list[Backbone]:
    """Without controls, if there are too many; of main students then the last ones."""
    if len(backbones) <= MAX_BACKBONES:
        return list(backbones)
    kept = [each for each in backbones if each.group.role != "control"]
    return kept[max(0, len(kept) - MAX_BACKBONES) :]
