"""Statistics -> the results table."""

import math
from collections.abc import Sequence

from foundry_bench.report.analysis.anchors import UNTRAINED
from foundry_bench.report.statistics.intervals import Interval
from foundry_bench.report.study.levels import BUDGET, GATE_LAMBDA, SUPERTOKENS, Axis
from foundry_bench.report.study.measures import (
    DAGGER,
    DISTILL_LOSS,
    ENCODER_TOKENS,
    ENCODER_TOKENS_P95,
    FEW_SHOT_STD,
    KEPT_TOKENS,
    OF_DISTILLATION,
    Measure,
)
from foundry_bench.report.study.summary import TEACHER, Group, Summary
from foundry_bench.report.table import Cell, Line, Table
from foundry_bench.report.wording import DETERMINISTIC, MINUS, and_list, mean_text, p_text


def results_table(summary: Summary) -> Table:
    """A line per variant and level: the teacher, main students, other anchors, controls."""
    axes = further_axes(summary)
    shown = [
        measure
        for measure in OF_DISTILLATION
        if any(group.by_seed.get(measure) for group in summary.groups)
    ]
    shown += _activity(summary)
    results, spreads = _results(summary), _spreads(summary)
    compared = [
        measure
        for measure in ([] if summary.is_many else results)
        if any(measure in group.to_teacher for group in summary.groups)
    ]
    header = ["variant", "role", "s", *(axis.symbol for axis in axes), "n", "trials"]
    header += [measure.short for measure in shown]
    header += [head(measure) for measure in (*results, *spreads)]
    for measure in compared:
        header += [f"{measure.short} {MINUS} teacher", "p (Holm)"]
    rows = tuple(
        tuple(_cells(group, axes, shown, [*results, *spreads], compared))
        for group in order_groups(summary)
    )
    differences = (
        " One result of each task; the others, and differences to the teacher, are in the table of"
        " all tasks."
        if summary.is_many
        else " Differences to the teacher are"
        " paired by seed, in points; p of a paired t-test, Holm-corrected over the column."
    )
    caption = (
        "Mean ± half the 95 % Student-t interval over n seeds (no interval below three)."
        f"{differences}{explain_constants(summary, results)}{_explain_activity(summary)}"
        f"{explain_marks(summary, results)}"
    )
    return Table(tuple(header), rows, caption)


def head(measure: Measure) -> str:
    """What a column of `measure` says."""
    return f"{measure.short} ({measure.unit})" if measure.unit else measure.short


def mean_cell(interval: Interval, measure: Measure) -> Cell:
    """A mean with its interval; empty without seeds."""
    return Cell(mean_text(interval, measure.digits), interval.mean)


def label_cells(group: Group, axes: Sequence[Axis]) -> list[Cell]:
    """The series, its role, and where it stands on SuperTokens and `axes`."""
    cells = [Cell(group.series, group.series), Cell(group.role, group.role)]
    for axis in (SUPERTOKENS, *axes):
        place = group.level.on(axis)
        cells.append(Cell("", math.nan) if place is None else Cell(f"{place:g}", place))
    return cells


def label_line(group: Group, axes: Sequence[Axis]) -> Line:
    """The same for a CSV, with the variant."""
    places = [(axis, group.level.on(axis)) for axis in (SUPERTOKENS, *axes)]
    return {
        "role": group.role,
        "variant": group.variant,
        "series": group.series,
        **{axis.name: math.nan if place is None else place for axis, place in places},
    }


def order_groups(summary: Summary) -> list[Group]:
    """The groups as tables list them."""
    rank = {"main": 1, "anchor": 2, "control": 3}
    return sorted(
        summary.groups,
        key=lambda group: (
            0 if group.role == "anchor" and group.variant == TEACHER else rank[group.role]
        ),
    )


def results_lines(summary: Summary) -> list[Line]:
    """The same as numbers, for `results.csv`."""
    axes, shown = further_axes(summary), (*OF_DISTILLATION, *_activity(summary))
    results, spreads = _results(summary), _spreads(summary)
    compared = [] if summary.is_many else results
    return [
        _numbers(group, axes, (*shown, *results, *spreads), results, compared)
        for group in order_groups(summary)
    ]


def num_seeds(group: Group, results: Sequence[Measure]) -> int:
    """The n of a line: seeds with a result, else seeds with a distillation loss."""
    return max(
        (len(group.by_seed.get(measure, {})) for measure in (*results, DISTILL_LOSS)), default=0
    )


def statuses_text(group: Group) -> str:
    """`3 done`, or `2 done, 1 failed`."""
    return ", ".join(f"{count} {status}" for status, count in group.statuses.items())


def _results(summary: Summary) -> list[Measure]:
    """The results with columns: all of few tasks, one a task of many."""
    if not summary.is_many:
        return list(summary.results)
    first: dict[str, Measure] = {}
    for measure in summary.headlines:
        first.setdefault(measure.task, measure)
    return list(first.values())


def _spreads(summary: Summary) -> list[Measure]:
    """The spread over few-shot folds, where there are few tasks."""
    return [] if summary.is_many else summary.details(FEW_SHOT_STD)


def further_axes(summary: Summary) -> list[Axis]:
    """The axes beside SuperTokens along which some series varies."""
    return [
        axis
        for axis in (BUDGET, GATE_LAMBDA)
        if any(group.level.on(axis) is not None for group in summary.groups)
    ]


def _activity(summary: Summary) -> list[Measure]:
    """What backbones did, as far as it is more than their number of SuperTokens says."""
    counted = [group for group in summary.groups if group.by_seed.get(ENCODER_TOKENS)]
    spread = [group for group in counted if group.by_seed.get(ENCODER_TOKENS_P95)]
    told = {
        ENCODER_TOKENS: any(_mean(each, ENCODER_TOKENS) != each.supertokens for each in counted),
        ENCODER_TOKENS_P95: any(
            _mean(each, ENCODER_TOKENS_P95) != _mean(each, ENCODER_TOKENS) for each in spread
        ),
        KEPT_TOKENS: any(group.by_seed.get(KEPT_TOKENS) for group in summary.groups),
    }
    return [measure for measure, is_telling in told.items() if is_telling]


def _mean(group: Group, measure: Measure) -> float:
    return round(group.interval(measure).mean, measure.digits + 2)


def _cells(
    group: Group,
    axes: Sequence[Axis],
    shown: Sequence[Measure],
    results: Sequence[Measure],
    compared: Sequence[Measure],
) -> list[Cell]:
    n = num_seeds(group, results)
    cells = [
        *label_cells(group, axes),
        Cell(str(n), n),
        Cell(statuses_text(group), group.num_trials),
    ]
    for measure in (*shown, *results):
        cell = mean_cell(group.interval(measure), measure)
        if cell.text and _is_untrained(group, measure):
            cell = Cell(f"{cell.text} ({UNTRAINED[group.variant]})", cell.value)
        cells.append(cell)
    for measure in compared:
        difference = group.to_teacher.get(measure)
        if difference is None:
            cells += [Cell("", math.nan), Cell("", math.nan)]
        else:
            cells += [
                Cell(mean_text(difference, measure.digits, signed=True), difference.mean),
                Cell(p_text(difference.p), difference.p),
            ]
    return cells


def _numbers(
    group: Group,
    axes: Sequence[Axis],
    measures: Sequence[Measure],
    results: Sequence[Measure],
    compared: Sequence[Measure],
) -> Line:
    line: Line = {
        **label_line(group, axes),
        "n": num_seeds(group, results),
        "trials": statuses_text(group),
    }
    for measure in measures:
        interval = group.interval(measure)
        line |= {
            measure.slug: interval.mean,
            f"{measure.slug}_low": interval.low,
            f"{measure.slug}_high": interval.high,
            f"{measure.slug}_n": interval.n,
        }
    for measure in compared:
        if (difference := group.to_teacher.get(measure)) is not None:
            name = f"{measure.slug}_to_teacher"
            line |= {
                name: difference.mean,
                f"{name}_low": difference.low,
                f"{name}_high": difference.high,
            }
            line[f"{name}_p_holm"] = difference.p
    return line


def explain_constants(summary: Summary, results: Sequence[Measure]) -> str:
    """What is called deterministic, if anything is."""
    if not any(group.constants & set(results) for group in summary.groups):
        return ""
    return (
        f" A {DETERMINISTIC} value is one measurement that all seeds share: it counts as n = 1"
        " and enters differences as a constant."
    )


def _explain_activity(summary: Summary) -> str:
    """What the tokens are that columns speak of, if any do."""
    if not _activity(summary):
        return ""
    return (
        " Encoder tokens are those that enter the encoder (p95: the 95th percentile of clouds),"
        " kept tokens those among them that are no SuperTokens: means over test clouds."
    )


def explain_marks(summary: Summary, results: Sequence[Measure]) -> str:
    """What other marks in cells and heads mean, as far as there are any."""
    text = ""
    for variant, words in UNTRAINED.items():
        tasks = [
            measure.label
            for measure in results
            if any(
                group.variant == variant
                and group.by_seed.get(measure)
                and _is_untrained(group, measure)
                for group in summary.groups
            )
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


def _is_untrained(group: Group, measure: Measure) -> bool:
    """Whether the group is called otherwise where `measure` is shown, because no task trains it."""
    return group.role == "anchor" and group.variant in UNTRAINED and not measure.is_trained
