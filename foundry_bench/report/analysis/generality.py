"""Statistics -> backbones on many tasks: results, and differences to what each is compared with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from foundry_bench.report.statistics.intervals import Difference, correct
from foundry_bench.report.study.measures import Measure, own_label
from foundry_bench.report.study.summary import TEACHER, Group, Summary

REFERENCES = (TEACHER, "not_distilled", "scratch")
"""What main students are compared with; all others with the teacher only."""

_WORDS = {"few_shot": "few-shot", "svm": "SVM"}


@dataclass(frozen=True)
class Generality:
    """Backbones and tasks.

    Attributes:
        measures: all results, further ones too.
        data: a task's label -> its data set, as far as known.
        changes: backbone, as tables list them -> reference -> measure -> difference to it, paired
            by seed, its p corrected after Holm over the measures.
    """

    summary: Summary
    measures: tuple[Measure, ...]
    data: Mapping[str, str]
    changes: Mapping[Group, Mapping[str, Mapping[Measure, Difference]]]

    def to_teacher(self, group: Group) -> Mapping[Measure, Difference]:
        """The differences of a backbone to the teacher; empty for the teacher itself."""
        return self.changes[group].get(TEACHER, {})


def generalise(summary: Summary, data: Mapping[str, str]) -> Generality | None:
    """All backbones on all tasks; None where there are few, which have columns of their own."""
    if not summary.is_many:
        return None
    found: dict[Group, dict[str, Mapping[Measure, Difference]]] = {}
    for group in summary.ordered:
        found[group] = {}
        for name in REFERENCES if group.role == "main" else (TEACHER,):
            reference = (
                summary.teacher_of(group) if name == TEACHER else summary.baseline_of(group, name)
            )
            if reference is None or reference is group:
                continue
            if changes := compare_all(group, reference, summary.results):
                found[group][name] = changes
    return Generality(summary, summary.results, data, found)


def compare_all(
    group: Group, reference: Group, measures: Sequence[Measure]
) -> dict[Measure, Difference]:
    """What `group` has more than `reference`, p-values corrected over the measures of both."""
    found = {
        measure: group.difference(reference, measure)
        for measure in measures
        if group.by_seed.get(measure) and reference.by_seed.get(measure)
    }
    return correct({measure: change for measure, change in found.items() if change.n})


def task_text(measure: Measure) -> str:
    """The task in words, such as `few-shot 5w10s`."""
    word = _WORDS.get(measure.word, measure.word.replace("_", " "))
    own = own_label(measure.task, measure.word).replace("_", " ")
    return own if own.endswith(word) else f"{word} {own}".strip()
