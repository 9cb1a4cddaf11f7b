"""Results on all tasks against how near tokens are to the teacher's: a panel a measure."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from foundry_bench.report.analysis.generality import Generality
from foundry_bench.report.figures.backbones import (
    Look,
    add_backbones,
    call_backbone,
    choose_looks,
    make_marker,
)
from foundry_bench.report.figures.canvas import INTERVALS, intervals_text, new_figure, note
from foundry_bench.report.figures.generality import Matrix
from foundry_bench.report.figures.style import INK
from foundry_bench.report.sections import Picture, picture
from foundry_bench.report.statistics.intervals import Interval
from foundry_bench.report.study.measures import Measure
from foundry_bench.report.study.summary import Group
from foundry_bench.report.table import Line, counted_line
from foundry_bench.report.wording import and_list

FIDELITY = "fidelity"


@dataclass(frozen=True)
class Likeness:
    """One backbone.

    Attributes:
        tokens: how near its final tokens are to the teacher's, by measure.
        to_teacher: what it has more than the teacher on each task, in points.
    """

    tokens: Mapping[Measure, Interval]
    to_teacher: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Over the tasks."""
        return fmean(self.to_teacher)


@dataclass(frozen=True)
class Similarity:
    """Backbones by the nearness of their tokens.

    Attributes:
        measures: of nearness.
    """

    measures: tuple[Measure, ...]
    students: Mapping[Group, Likeness]

    def lines(self) -> list[Line]:
        """A line a backbone and measure."""
        return [
            {
                "series": call_backbone(student),
                "role": student.role,
                "metric": measure.metric,
                **counted_line("similarity", interval),
                "tasks": len(likeness.to_teacher),
                "to_teacher": likeness.mean,
                "worst_to_teacher": min(likeness.to_teacher),
                "best_to_teacher": max(likeness.to_teacher),
            }
            for student, likeness in self.students.items()
            for measure, interval in likeness.tokens.items()
        ]


def liken(generality: Generality, matrix: Matrix) -> Similarity | None:
    """The backbones of `matrix` whose tokens were compared; None if those are fewer than two."""
    measures = tuple(each for each in generality.measures if each.word == FIDELITY)
    students = {}
    for student in matrix.students:
        tokens = {each: student.interval(each) for each in measures if student.by_seed.get(each)}
        marks = tuple(row.marks[student].mean for row in matrix.rows if student in row.marks)
        if tokens and marks:
            students[student] = Likeness(tokens, marks)
    return Similarity(measures, students) if len(students) > 1 else None


def draw_similarity(data: Similarity) -> Figure:
    """A column of small points a backbone, one a task, and their mean; a cross for the teacher."""
    figure = new_figure(2.5)
    panels = figure.subplots(1, len(data.measures), sharey=True, squeeze=False)[0]
    looks = choose_looks(list(data.students))
    for axes, measure in zip(panels, data.measures, strict=True):
        _draw_panel(axes, data, measure, looks)
    panels[0].set_ylabel("difference to the teacher (points)")
    counts = [each.n for likeness in data.students.values() for each in likeness.tokens.values()]
    note(panels[0], intervals_text(counts))
    add_backbones(figure, looks)
    return figure


def _draw_panel(
    axes: Axes, data: Similarity, measure: Measure, looks: Mapping[Group, Look]
) -> None:
    axes.axhline(0, color=INK, linewidth=0.6, zorder=1)
    for student, likeness in data.students.items():
        interval = likeness.tokens.get(measure)
        if interval is None:
            continue
        colour = looks[student][0]
        tasks = likeness.to_teacher
        axes.plot(
            [interval.mean] * len(tasks), tasks, color=colour, alpha=0.45, marker="o",
            markersize=2.2, markeredgewidth=0, linestyle="", zorder=2,
        )  # fmt: skip
        if interval.is_bounded:
            axes.hlines(likeness.mean, *interval.ends, color=colour, linewidth=1.0, zorder=3)
        mark = make_marker(student, looks[student])
        mark.set_data([interval.mean], [likeness.mean])
        axes.add_line(mark)
    axes.plot([1], [0], color=INK, marker="X", markersize=4.2, linestyle="", zorder=3)
    axes.set_xlabel(measure.label)


def picture_similarity(data: Similarity) -> Picture:
    """The results against the nearness of tokens."""
    caption = (
        "What final tokens have in common with the teacher's, on test clouds before any task's"
        " training, and how far the results are from the teacher's, in points. A small point is one"
        " task of the figure above, a large one the mean over them; the cross is the teacher. The"
        " cosine is between tokens as the distillation compares them; linear CKA does not see a"
        f" rotation or scale of all tokens. Main students are filled. {INTERVALS}, across."
    )
    students = and_list(map(call_backbone, data.students))
    title = "Results against the similarity of tokens"
    alt = f"Results of {students} on all tasks over how near their tokens are to the teacher's."
    return picture("token_similarity", title, caption, alt, data, draw_similarity)
