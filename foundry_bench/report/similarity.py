"""Generality -> how near each backbone's tokens are to the teacher's, and its results with them."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

from foundry_bench.report.backbones import Named, name_backbone
from foundry_bench.report.figure_data import Line, spread_line
from foundry_bench.report.generality import Generality
from foundry_bench.report.matrices import Matrix
from foundry_bench.report.measures import Measure
from foundry_bench.report.stats import Interval

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
    students: Mapping[Named, Likeness]

    def lines(self) -> list[Line]:
        """A line a backbone and measure."""
        return [
            {
                "series": student.name,
                "role": student.role,
                "metric": measure.metric,
                "n": interval.n,
                **spread_line("similarity", interval),
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
    groups = {name_backbone(each.group): each.group for each in generality.backbones}
    students = {}
    for student in matrix.students:
        found = {measure: groups[student].interval(measure) for measure in measures}
        tokens = {measure: interval for measure, interval in found.items() if interval.n}
        marks = tuple(row.marks[student].mean for row in matrix.rows if student in row.marks)
        if tokens and marks:
            students[student] = Likeness(tokens, marks)
    return Similarity(measures, students) if len(students) > 1 else None
