"""Statistics -> the results table, in CSV, Markdown and LaTeX."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

from foundry_bench.report.figure_data import UNTRAINED, Line
from foundry_bench.report.levels import BUDGET, GATE_LAMBDA, SUPERTOKENS, Axis
from foundry_bench.report.measures import (
    DISTILL_LOSS,
    ENCODER_TOKENS,
    ENCODER_TOKENS_P95,
    KEPT_TOKENS,
    OF_DISTILLATION,
    Measure,
)
from foundry_bench.report.summary import TEACHER, Group, Summary
from foundry_bench.report.wording import DETERMINISTIC, MINUS, and_list, mean_text, p_text

_TEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    MINUS: "$-$",
    "²": "$^2$",
    "<": "$<$",
    ">": "$>$",
}


@dataclass(frozen=True)
class Cell:
    """What a table shows, and what it is sorted by."""

    text: str
    value: float | str


@dataclass(frozen=True)
class Table:
    """A table as text.

    Attributes:
        caption: what the numbers are.
        num_labels: leading columns that are words.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str
    num_labels: int = 2


def results_table(summary: Summary) -> Table:
    """A line per variant and level: the teacher, main students, other anchors, controls."""
    axes = _further_axes(summary)
    shown = [
        measure
        for measure in OF_DISTILLATION
        if any(group.by_seed.get(measure) for group in summary.groups)
    ]
    shown += _activity(summary)
    compared = [
        measure
        for measure in summary.results
        if any(measure in group.to_teacher for group in summary.groups)
    ]
    header = ["variant", "role", "s", *(axis.symbol for axis in axes), "n", "trials"]
    header += [measure.short for measure in shown]
    header += [f"{measure.short} ({measure.unit})" for measure in summary.results]
    for measure in compared:
        header += [f"{measure.short} {MINUS} teacher", "p (Holm)"]
    rows = tuple(
        tuple(_cells(group, axes, shown, summary.results, compared))
        for group in order_groups(summary)
    )
    caption = (
        "Mean ± half the 95 % Student-t interval over n seeds (no interval below three)."
        " Differences to the teacher are"
        " paired by seed, in points; p of a paired t-test, Holm-corrected over the column."
        f"{_explain(summary)}"
    )
    return Table(tuple(header), rows, caption)


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
    axes, measures = _further_axes(summary), (*OF_DISTILLATION, *_activity(summary))
    return [_numbers(group, axes, measures, summary.results) for group in order_groups(summary)]


def csv_text(lines: Sequence[Line]) -> str:
    """CSV with a column for every key, in order of appearance; NaN and missing values are empty."""
    columns = list(dict.fromkeys(key for line in lines for key in line))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {key: "" if _is_nan(value) else value for key, value in line.items()} for line in lines
    )
    return stream.getvalue()


def markdown_text(table: Table) -> str:
    """The table as GitHub Markdown."""
    align = [":--" if index < table.num_labels else "--:" for index in range(len(table.header))]
    lines = [table.header, align, *([cell.text for cell in row] for row in table.rows)]
    body = "\n".join(
        "| " + " | ".join(text.replace("|", "\\|") for text in line) + " |" for line in lines
    )
    return f"{body}\n\n{table.caption}\n"


def latex_text(table: Table) -> str:
    """The table for LaTeX; needs `booktabs`."""
    align = "l" * table.num_labels + "r" * (len(table.header) - table.num_labels)
    body = [" & ".join(_tex(cell.text) for cell in row) + r" \\" for row in table.rows]
    lines = [
        f"% {table.caption}",
        rf"\begin{{tabular}}{{{align}}}",
        r"\toprule",
        " & ".join(_tex(text) for text in table.header) + r" \\",
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def num_seeds(group: Group, results: Sequence[Measure]) -> int:
    """The n of a line: seeds with a result, else seeds with a distillation loss."""
    return max(
        (len(group.by_seed.get(measure, {})) for measure in (*results, DISTILL_LOSS)), default=0
    )


def statuses_text(group: Group) -> str:
    """`3 done`, or `2 done, 1 failed`."""
    return ", ".join(f"{count} {status}" for status, count in group.statuses.items())


def _further_axes(summary: Summary) -> list[Axis]:
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
    cells = [Cell(group.series, group.series), Cell(group.role, group.role)]
    for axis in (SUPERTOKENS, *axes):
        place = group.level.on(axis)
        cells.append(Cell("", math.nan) if place is None else Cell(f"{place:g}", place))
    cells += [
        Cell(str(n), n),
        Cell(statuses_text(group), group.num_trials),
    ]
    for measure in (*shown, *results):
        interval = group.interval(measure)
        text = mean_text(interval, measure.digits)
        if text and _is_untrained(group, measure):
            text += f" ({UNTRAINED[group.variant]})"
        cells.append(Cell(text, interval.mean))
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
    group: Group, axes: Sequence[Axis], measures: Sequence[Measure], results: Sequence[Measure]
) -> Line:
    places = [(axis, group.level.on(axis)) for axis in (SUPERTOKENS, *axes)]
    line: Line = {
        "role": group.role,
        "variant": group.variant,
        "series": group.series,
        **{axis.name: math.nan if place is None else place for axis, place in places},
        "n": num_seeds(group, results),
        "trials": statuses_text(group),
    }
    for measure in (*measures, *results):
        interval = group.interval(measure)
        line |= {
            measure.slug: interval.mean,
            f"{measure.slug}_low": interval.low,
            f"{measure.slug}_high": interval.high,
            f"{measure.slug}_n": interval.n,
        }
    for measure in results:
        if (difference := group.to_teacher.get(measure)) is not None:
            name = f"{measure.slug}_to_teacher"
            line |= {
                name: difference.mean,
                f"{name}_low": difference.low,
                f"{name}_high": difference.high,
            }
            line[f"{name}_p_holm"] = difference.p
    return line


def _explain(summary: Summary) -> str:
    """What marks in the cells mean, as far as there are any."""
    text = ""
    if any(group.constants & set(summary.results) for group in summary.groups):
        text += (
            f" A {DETERMINISTIC} value is one measurement that all seeds share: it counts as n = 1"
            " and enters differences as a constant."
        )
    if _activity(summary):
        text += (
            " Encoder tokens are those that enter the encoder (p95: the 95th percentile of clouds),"
            " kept tokens those among them that are no SuperTokens: means over test clouds."
        )
    for variant, words in UNTRAINED.items():
        tasks = [
            measure.label
            for measure in summary.results
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
    return text


def _is_untrained(group: Group, measure: Measure) -> bool:
    """Whether the group is called otherwise where `measure` is shown, because no task trains it."""
    return group.role == "anchor" and group.variant in UNTRAINED and not measure.is_trained


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _tex(text: str) -> str:
    return "".join(_TEX.get(letter, letter) for letter in text)
