"""The results table: a row a variant and level."""

import math
from collections.abc import Sequence

from foundry_bench.report.analysis.baselines import UNTRAINED
from foundry_bench.report.study.measures import (
    DISTILL_LOSS,
    ENCODER_TOKENS,
    ENCODER_TOKENS_P95,
    FEW_SHOT_STD,
    KEPT_TOKENS,
    OF_DISTILLATION,
    Measure,
)
from foundry_bench.report.study.summary import Group, Summary
from foundry_bench.report.table import Cell, Line, Table, spread_line
from foundry_bench.report.tables.groups import (
    Column,
    change_cell,
    explain_constants,
    explain_marks,
    group_table,
    head,
    is_untrained,
    label_line,
    mean_cell,
    number_cell,
)
from foundry_bench.report.wording import MINUS, number, p_text

EXPLAIN_BEST = (
    " Best of n is the largest over the seeds, to be held against what was published so: no result,"
    " and nothing here rests on it."
)


def results_table(summary: Summary, published: str = "") -> Table:
    """A line per variant and level: the teacher, main students, other baselines, ablations.

    Args:
        summary: of one sweep.
        published: ends the caption.
    """
    having = {measure for group in summary.groups for measure in group.by_seed}
    results, spreads = _results(summary), _spreads(summary)
    compared = {measure for group in summary.groups for measure in group.to_teacher}
    counted = [*results, *spreads]
    columns: list[Column] = [
        ("n", lambda group: number_cell(n := num_seeds(group, counted), str(n))),
        ("trials", lambda group: Cell(statuses_text(group), group.num_trials)),
    ]
    shown = [*(each for each in OF_DISTILLATION if each in having), *_activity(summary)]
    columns += [_result_column(measure, measure.short) for measure in shown]
    columns += [_result_column(measure, head(measure)) for measure in counted]
    for measure in [] if summary.is_many else results:
        if measure in compared:
            columns += _difference_columns(measure)
    best = _best_column(summary)
    columns += best
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
        f"{explain_marks(summary, results)}{EXPLAIN_BEST if best else ''}"
        f"{published}"
    )
    return group_table(summary, summary.ordered, columns, caption)


def results_lines(summary: Summary) -> list[Line]:
    """The same as numbers, for `results.csv`."""
    results = _results(summary)
    measures = (*OF_DISTILLATION, *_activity(summary), *results, *_spreads(summary))
    lines = []
    for group in summary.ordered:
        line = label_line(group, summary)
        line |= {"n": num_seeds(group, results), "trials": statuses_text(group)}
        for measure in measures:
            interval = group.interval(measure)
            line |= {**spread_line(measure.slug, interval), f"{measure.slug}_n": interval.n}
        for measure in [] if summary.is_many else results:
            if (difference := group.to_teacher.get(measure)) is not None:
                name = f"{measure.slug}_to_teacher"
                line |= {**spread_line(name, difference), f"{name}_p_holm": difference.p}
        for measure in results:
            if not measure.is_further:
                line[f"{measure.slug}_best_of_n"] = best_of(group, measure)
        lines.append(line)
    return lines


def best_of(group: Group, measure: Measure) -> float:
    """The largest of several seeds; NaN where there are not several to choose from."""
    values = group.by_seed.get(measure, {}).values()
    return max(values) if len(values) > 1 else math.nan


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


def _result_column(measure: Measure, text: str) -> Column:
    def cell(group: Group) -> Cell:
        found = mean_cell(group.interval(measure), measure)
        if found.text and is_untrained(group, measure):
            return Cell(f"{found.text} ({UNTRAINED[group.variant]})", found.value)
        return found

    return text, cell


def _best_column(summary: Summary) -> list[Column]:
    """The best seed of the first result, to be held against what was published so; none where no
    group has several seeds.
    """
    if not summary.results:
        return []
    measure = summary.results[0]
    most = max(len(group.by_seed.get(measure, {})) for group in summary.groups)

    def cell(group: Group) -> Cell:
        best, n = best_of(group, measure), len(group.by_seed.get(measure, {}))
        text = number(best, measure.digits)
        return Cell(f"{text} (of {n})" if text and n < most else text, best)

    return [(f"{head(measure)}, best of {most}", cell)] if most > 1 else []


def _difference_columns(measure: Measure) -> list[Column]:
    def p(group: Group) -> Cell:
        found = group.to_teacher.get(measure)
        return number_cell(None, "") if found is None else Cell(p_text(found.p), found.p)

    return [
        (
            f"{measure.short} {MINUS} teacher",
            lambda group: change_cell(group.to_teacher.get(measure), measure),
        ),
        ("p (Holm)", p),
    ]


def _explain_activity(summary: Summary) -> str:
    """What the tokens are that columns speak of, if any do."""
    if not _activity(summary):
        return ""
    return (
        " Encoder tokens are those that enter the encoder (p95: the 95th percentile of clouds),"
        " kept tokens those among them that are no SuperTokens: means over test clouds."
    )
