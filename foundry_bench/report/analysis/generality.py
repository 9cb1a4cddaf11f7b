"""Statistics -> backbones on many tasks: results, and differences to what each is compared with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from foundry_bench.report.statistics.intervals import Difference, holm
from foundry_bench.report.study.measures import FEW_SHOT_STD, Measure, own_label
from foundry_bench.report.study.summary import TEACHER, Group, Summary
from foundry_bench.report.table import MIDDLE_DOT, Line, counted_line, spread_line
from foundry_bench.report.tables.groups import label_line

REFERENCES = (TEACHER, "not_distilled", "scratch")
"""What main students are compared with; all others with the teacher only."""

_WORDS = {"few_shot": "few-shot", "svm": "SVM"}

K = TypeVar("K")


@dataclass(frozen=True)
class Backbone:
    """One backbone on all tasks.

    Attributes:
        changes: reference -> measure -> difference to it, paired by seed, its p corrected after
            Holm over the measures.
    """

    group: Group
    changes: Mapping[str, Mapping[Measure, Difference]]

    @property
    def to_teacher(self) -> Mapping[Measure, Difference]:
        """The differences to the teacher; empty for the teacher itself."""
        return self.changes.get(TEACHER, {})


@dataclass(frozen=True)
class Generality:
    """Backbones and tasks.

    Attributes:
        measures: all results, further ones too.
        data: a task's label -> its data set, as far as known.
        backbones: as tables list them.
    """

    summary: Summary
    measures: tuple[Measure, ...]
    data: Mapping[str, str]
    backbones: tuple[Backbone, ...]

    def place(self, measure: Measure) -> str:
        """The task and, where that does not say it, its data set."""
        data, own = self.data.get(measure.task, ""), own_label(measure.task, measure.word)
        return (
            f"{task_text(measure)} {MIDDLE_DOT} {data}"
            if data not in ("", own)
            else task_text(measure)
        )

    def lines(self) -> list[Line]:
        """A line per backbone and measure; a few-shot result with its spread over folds."""
        spreads = {each.task: each for each in self.summary.details(FEW_SHOT_STD)}
        lines = []
        for backbone in self.backbones:
            group = backbone.group
            for measure in self.measures:
                interval = group.interval(measure)
                if not interval.n:
                    continue
                line = {
                    **label_line(group, self.summary),
                    "task": measure.task,
                    "data": self.data.get(measure.task, ""),
                    "metric": measure.metric,
                    **counted_line("mean", interval),
                }
                for name, changes in backbone.changes.items():
                    if measure in changes:
                        change = changes[measure]
                        line |= spread_line(f"to_{name}", change)
                        line[f"to_{name}_p_holm"] = change.p
                spread = spreads.get(measure.task)
                if spread is not None and measure.metric == "few_shot_accuracy":
                    line["std_over_folds"] = group.interval(spread).mean
                lines.append(line)
        return lines


def generalise(summary: Summary, data: Mapping[str, str]) -> Generality | None:
    """All backbones on all tasks; None where there are few, which have columns of their own."""
    if not summary.is_many:
        return None
    backbones = []
    for group in summary.ordered:
        changes = {}
        for name in REFERENCES if group.role == "main" else (TEACHER,):
            reference = (
                summary.teacher_of(group) if name == TEACHER else summary.anchor_of(group, name)
            )
            if reference is not None and reference is not group:
                changes[name] = compare_all(group, reference, summary.results)
        backbones.append(Backbone(group, {name: each for name, each in changes.items() if each}))
    return Generality(summary, summary.results, data, tuple(backbones))


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


def correct(changes: Mapping[K, Difference]) -> dict[K, Difference]:
    """The differences with p-values corrected after Holm over all of them."""
    corrected = holm([change.p for change in changes.values()])
    return {
        key: replace(change, p=p)
        for (key, change), p in zip(changes.items(), corrected, strict=True)
    }


def task_text(measure: Measure) -> str:
    """The task in words, such as `few-shot 5w10s`."""
    word = _WORDS.get(measure.word, measure.word.replace("_", " "))
    own = own_label(measure.task, measure.word).replace("_", " ")
    return own if own.endswith(word) else f"{word} {own}".strip()
