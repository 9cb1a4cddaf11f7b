"""What a sweep found: the effects that matter, and one sentence about the first of them."""

import math
from dataclasses import dataclass

import pandas as pd

from foundry_bench import results
from foundry_bench.report.sweep_results import SweepResults
from foundry_bench.results.metrics import is_result, scale_of, sort_results

BASELINES = {
    "teacher": "its teacher",
    "not_distilled": "the student not distilled",
    "scratch": "the student from scratch",
}
"""Variants of baselines, as the headline names them."""
MOST_ABLATIONS = 4
MOST_WORDS = 25
"""Of a headline."""
LEVELS = ("supertokens", "budget", "gate_lambda")
"""Columns by which the students of a series are ordered, with their symbols below."""
SYMBOLS = {"supertokens": "s", "budget": "budget", "gate_lambda": "λ"}
COLUMNS = ("effect", "n", "mean", "low", "high", "p_holm", "verdict")


@dataclass(frozen=True)
class Findings:
    """The main result of a sweep.

    Attributes:
        headline: one sentence; empty if no student can be compared with anything.
        effects: a row per difference: `effect` (in words), `n`, `mean`, `low`, `high` (in the unit
            that figures show), `p_holm`, `verdict` (better, worse or empty).
        label: of the metric.
        unit: of `mean`, `low` and `high`.
    """

    headline: str
    effects: pd.DataFrame
    label: str = ""
    unit: str = ""


def find(sweep: SweepResults) -> Findings:
    """Effects on the preferred result: the best main student against baselines and the others."""
    frame = _preferred(sweep.frame)
    if frame.empty:
        return Findings("", pd.DataFrame(columns=list(COLUMNS)))
    scale, unit = scale_of(str(frame["unit"].iloc[0]))
    unit = "points" if unit == "%" else unit
    label = str(frame["label"].iloc[0])
    main = results.summarize(frame[frame["role"] == "main"])
    if main.empty:
        return Findings("", pd.DataFrame(columns=list(COLUMNS)), label, unit)
    ascending = main["direction"].iloc[0] == "lower"
    best = main.sort_values("mean", ascending=ascending, kind="stable").iloc[0]
    lines = [*_against_baselines(frame, best), *_first_to_last(frame, best)]
    lines += _ablations(frame, best)
    effects = pd.DataFrame(lines, columns=list(COLUMNS))
    effects[["mean", "low", "high"]] *= scale
    return Findings(_headline(effects, best, label, unit), effects, label, unit)


def _preferred(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of the result that reports prefer."""
    keys = zip(frame["stage"], frame["metric"], frame["direction"], strict=True)
    answers = frame[[is_result(*key) for key in keys]]
    if answers.empty:
        return answers
    task, metric = sort_results(zip(answers["task"], answers["metric"], strict=True))[0]
    return answers[(answers["task"] == task) & (answers["metric"] == metric)]


def _against_baselines(frame: pd.DataFrame, best: "pd.Series[float]") -> list[dict[str, object]]:
    lines = []
    is_baseline = frame["role"] == "baseline"
    students = {"teacher", *frame[frame["series"] == best["series"]]["student"]}
    # Where the baseline has several students, such as merging ones, the best one's own counts.
    frame = frame[~is_baseline | frame["student"].isin(students)]
    for variant, words in BASELINES.items():
        if not (is_baseline & (frame["variant"] == variant)).any():
            continue
        compared = results.compare(frame, reference={"role": "baseline", "variant": variant})
        own = compared if compared.empty else _rows_of(compared, best)
        lines += [_line(f"{name(best)} − {words}", row) for _, row in own.iterrows()]
    return lines


def _first_to_last(frame: pd.DataFrame, best: "pd.Series[float]") -> list[dict[str, object]]:
    """The last level of the best student's series against its first."""
    own = frame[(frame["role"] == "main") & (frame["series"] == best["series"])]
    level = next((each for each in LEVELS if own[each].nunique() > 1), None)
    if level is None:
        return []
    first, last = own[level].min(), own[level].max()
    compared = results.compare(own, reference={level: first}, by=("sweep", "series", level))
    rows = compared if compared.empty else compared[compared[level] == last]
    words = f"{best['series']}: {SYMBOLS[level]} = {last:g} − {SYMBOLS[level]} = {first:g}"
    return [_line(words, row) for _, row in rows.iterrows()]


def _ablations(frame: pd.DataFrame, best: "pd.Series[float]") -> list[dict[str, object]]:
    """The ablations that differ most from the main student of the same level."""
    role, series = frame["role"], frame["series"]
    rows = frame[(role == "ablation") | ((role == "main") & (series == best["series"]))]
    if not (rows["role"] == "ablation").any():
        return []
    compared = results.compare(rows, reference={"role": "main", "series": best["series"]})
    if compared.empty:
        return []
    largest = compared["mean"].abs().sort_values(ascending=False, kind="stable").index
    return [
        _line(f"{name(row)} − {best['series']}", row)
        for _, row in compared.loc[largest[:MOST_ABLATIONS]].iterrows()
    ]


def _rows_of(compared: pd.DataFrame, group: "pd.Series[float]") -> pd.DataFrame:
    mask = (compared["role"] == group["role"]) & (compared["series"] == group["series"])
    for level in LEVELS:
        equal = compared[level] == group[level]
        mask &= compared[level].isna() if pd.isna(group[level]) else equal.fillna(False)
    return compared[mask.astype(bool)]


def name(group: "pd.Series[float]") -> str:
    """A group in words: its series and level, such as `foundry at s = 16`."""
    levels = [
        f"{SYMBOLS[level]} = {group[level]:g}"
        for level in LEVELS
        if not pd.isna(group[level]) and str(group[level]) not in str(group["series"])
    ]
    return f"{group['series']} at {', '.join(levels)}" if levels else str(group["series"])


def _line(effect: str, row: "pd.Series[float]") -> dict[str, object]:
    return {"effect": effect} | {column: row[column] for column in COLUMNS[1:]}


def _headline(effects: pd.DataFrame, best: "pd.Series[float]", label: str, unit: str) -> str:
    """The best student against its teacher and, where words are left, against one more baseline."""
    phrases: list[str] = []
    for words in BASELINES.values():
        for _, row in effects[effects["effect"].str.endswith(f"− {words}")].iterrows():
            interval = "" if math.isnan(row["low"]) else f" [{row['low']:.1f}, {row['high']:.1f}]"
            number = f"{row['mean']:+.1f}{interval}".replace("-", "−")
            phrases.append(f"{number} {unit} against {words}")
    sentences = [
        f"{name(best)}: {label} {' and '.join(phrases[:num])}."
        for num in (2, 1)
        if len(phrases) >= num
    ]
    short = [text for text in sentences if len(text.split()) <= MOST_WORDS] or sentences[-1:]
    return short[0][0].upper() + short[0][1:] if short else ""
