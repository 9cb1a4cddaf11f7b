"""What tables with a row a group of runs share: labels, means, order, explanations."""

import math
from collections.abc import Callable, Iterable, Sequence

from foundry_bench.report.analysis.baselines import UNTRAINED
from foundry_bench.report.statistics.intervals import Difference, Interval
from foundry_bench.report.study.levels import SUPERTOKENS
from foundry_bench.report.study.measures import DAGGER, Measure
from foundry_bench.report.study.summary import Group, Summary
from foundry_bench.report.table import Cell, Line, Table
from foundry_bench.report.wording import DETERMINISTIC, and_list, mean_text

Column = tuple[str, Callable[[Group], Cell]]
"""What the head says, and the cell of a group."""


def group_table(
    summary: Summary,
    groups: Iterable[Group],
    columns: Sequence[Column],
    caption: str,
    name: Callable[[Group], str] = lambda group: group.series,
) -> Table:
    """A row a group: its name, its role, where it stands on the axes, then `columns`."""
    axes = (SUPERTOKENS, *summary.further_axes)
    rows = []
    for group in groups:
        places = [group.level.on(axis) for axis in axes]
        rows.append(
            (
                word_cell(name(group)),
                word_cell(group.role),
                *(number_cell(place, "" if place is None else f"{place:g}") for place in places),
                *(cell(group) for _, cell in columns),
            )
        )
    header = ("variant", "role", *(axis.symbol for axis in axes), *(head for head, _ in columns))
    return Table(header, tuple(rows), caption)


def label_line(group: Group, summary: Summary) -> Line:
    """What a group is called in a CSV."""
    places = [(axis, group.level.on(axis)) for axis in (SUPERTOKENS, *summary.further_axes)]
    return {
        "role": group.role,
        "variant": group.variant,
        "series": group.series,
        **{axis.name: math.nan if place is None else place for axis, place in places},
    }


def head(measure: Measure) -> str:
    """What a column of `measure` says."""
    return f"{measure.short} ({measure.unit})" if measure.unit else measure.short


def word_cell(text: str) -> Cell:
    """A word, which is sorted by itself."""
    return Cell(text, text)


def number_cell(value: float | None, text: str) -> Cell:
    """A number as `text`; one that is not known stands last."""
    return Cell(text, math.nan if value is None else value)


def mean_cell(interval: Interval, measure: Measure) -> Cell:
    """A mean with its interval; empty without seeds."""
    return Cell(mean_text(interval, measure.digits), interval.mean)


def change_cell(change: Difference | None, measure: Measure) -> Cell:
    """A difference with its interval; empty if there is none."""
    if change is None:
        return number_cell(None, "")
    return Cell(mean_text(change, measure.digits, signed=True), change.mean)


def mean_column(measure: Measure, text: str | None = None) -> Column:
    """The means of `measure`, under `text` or what its column usually says."""
    return text or head(measure), lambda group: mean_cell(group.interval(measure), measure)


def explain_constants(summary: Summary, results: Sequence[Measure]) -> str:
    """What is called deterministic, if anything is."""
    if not any(group.constants & set(results) for group in summary.groups):
        return ""
    return (
        f" A {DETERMINISTIC} value is one measurement that all seeds share: it counts as n = 1"
        " and enters differences as a constant."
    )


def explain_marks(summary: Summary, results: Sequence[Measure]) -> str:
    """What other marks in cells and heads mean, as far as there are any."""
    text = ""
    for variant, words in UNTRAINED.items():
        having = [group for group in summary.groups if group.variant == variant]
        tasks = [
            measure.label
            for measure in results
            if any(each.by_seed.get(measure) and is_untrained(each, measure) for each in having)
        ]
        if tasks:
            text += (
                f" For {and_list(tasks)} the backbone is not trained: {variant} has {words} there."
            )
    if any(measure.is_chosen_on_test for measure in results):
        text += f" {DAGGER}: the epoch was chosen on the test set, as part of the literature does."
    if any(measure.word == "few_shot" for measure in results):
        text += (
            " Few-shot results are means over folds: ± is over seeds, the standard deviation over"
            " folds is a number of its own."
        )
    return text


def is_untrained(group: Group, measure: Measure) -> bool:
    """Whether the group is called otherwise where `measure` is shown, because no task trains it."""
    return group.role == "baseline" and group.variant in UNTRAINED and not measure.is_trained
