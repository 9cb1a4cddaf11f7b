"""Results of tasks as figures show them: label with unit, scale, file name, rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from foundry_bench.report.sweep_results import SweepResults
from foundry_bench.results.metrics import TASKS, is_result, scale_of, sort_results
from foundry_bench.results.series import LEVELS
from foundry_bench.results.statistics import GROUP, METRIC

MAX_FEW = 3
"""Headline results of which each has figures of its own; of more a matrix is shown."""

SYMBOLS = {"supertokens": "s", "budget": "budget", "gate_lambda": "λ"}
"""Column of a level -> what stands before its value."""

_SECOND = {"miou_class"}
"""Headlines that are not the first of their task: papers report both mIoU."""


@dataclass(frozen=True)
class Answer:
    """One metric of one stage, as figures show it.

    Attributes:
        label: in plain words, without unit.
        unit: as shown; `%` for shares.
        scale: shown value = recorded value x scale.
        direction: `higher`, `lower` or `none`.
        slug: part of file names.
    """

    task: str
    metric: str
    label: str
    unit: str
    scale: float
    direction: str
    slug: str

    @property
    def axis(self) -> str:
        """Label with unit, for an axis."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    @property
    def decimals(self) -> int:
        """Decimals of a value in a figure."""
        return 1 if self.unit == "%" else 3

    def rows(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows of this metric with shown values."""
        is_own = (frame["metric"] == self.metric) & (frame["task"] == self.task)
        rows = frame[is_own & frame["value"].notna()]
        return rows.assign(value=rows["value"] * self.scale)


def measurements(rows: pd.DataFrame) -> pd.DataFrame:
    """`rows` for seaborn's estimates: a stage that several seeds of a group share counts once."""
    return rows.drop_duplicates([*GROUP, *METRIC, "stage_key"])


def find_answers(frame: pd.DataFrame) -> list[Answer]:
    """The headline result of each task of students, the preferred first."""
    rows = frame[(frame["role"] != "baseline") & frame["value"].notna()]
    columns = ["stage", "task", "metric", "unit", "direction", "label"]
    known = rows[columns].drop_duplicates(["task", "metric"])
    specs = {
        (str(line.task), str(line.metric)): line
        for line in known.itertuples()
        if is_result(str(line.stage), str(line.metric), str(line.direction))
    }
    answers: list[Answer] = []
    for task, metric in sort_results(specs):
        if metric in _SECOND or task not in {answer.task for answer in answers}:
            spec = specs[task, metric]
            scale, unit = scale_of(str(spec.unit))
            label, slug = _names(task, metric, str(spec.label))
            answers.append(Answer(task, metric, label, unit, scale, str(spec.direction), slug))
    return answers


def shown_answers(sweep: SweepResults) -> list[Answer]:
    """The answers that have figures of their own; none where a matrix of tasks shows all."""
    answers = find_answers(sweep.frame)
    if len(answers) <= MAX_FEW:
        return answers
    return answers[:1] if has_levels(sweep.frame) else []


def of_distillation(frame: pd.DataFrame, metric: str) -> Answer | None:
    """A metric of the distillation stage; None if no student has it."""
    rows = frame[(frame["metric"] == metric) & (frame["stage"] == "distill")]
    if rows.empty:
        return None
    spec = rows.iloc[0]
    scale, unit = scale_of(spec["unit"])
    return Answer("", metric, spec["label"], unit, scale, spec["direction"], metric)


def has_levels(frame: pd.DataFrame) -> bool:
    """Whether some series of students has several levels."""
    students = frame[frame["role"] != "baseline"]
    return any(
        students.groupby(["role", "series"])[level].nunique().gt(1).any() for level in LEVELS
    )


def main_level(rows: pd.DataFrame) -> str:
    """The level that has most values within one main series; SuperTokens if there is none."""
    main = rows[rows["role"] == "main"]
    counts = {level: main.groupby("series")[level].nunique().max() for level in LEVELS}
    return max(LEVELS, key=lambda level: 0 if pd.isna(counts[level]) else counts[level])


def with_line_names(rows: pd.DataFrame, along: str, *, parts: Sequence[str] = ()) -> pd.DataFrame:
    """`rows` with a column `line`: the series, and other levels that vary within it.

    Args:
        rows: of students.
        along: the level along a figure's axis, no part of names.
        parts: further levels that vary along with it.
    """
    names = rows["series"].astype(str)
    for level in LEVELS:
        if level == along or level in parts:
            continue
        varied = rows.groupby(["role", "series"])[level].transform("nunique") > 1
        words = [
            f", {SYMBOLS[level]} = {value:g}" if pd.notna(value) else "" for value in rows[level]
        ]
        names = names + pd.Series(words, index=rows.index).where(varied, "")
    return rows.assign(line=names)


def is_search(sweep: SweepResults) -> bool:
    """Whether the students of a sweep were suggested by a search."""
    info = sweep.records.sweeps.get(sweep.name)
    try:
        settings = YAML(typ="safe", pure=True).load(info.yaml) if info else None
    except YAMLError:
        return False
    return isinstance(settings, dict) and bool(settings.get("search"))


def _names(task: str, metric: str, label: str) -> tuple[str, str]:
    """Label and slug of a metric: with the task where it goes by a name of its own."""
    word = next((word for word, metrics in TASKS.items() if metric in metrics), task)
    if task == word:
        return label, metric
    own = task.removeprefix(f"{word}_")
    slug = f"{metric}_{own}" if own != task else f"{task}_{metric}"
    words = own.removesuffix(f"_{word}").replace("_", " ")
    return f"{words} {label}", slug


def capital(text: str) -> str:
    """`text` with a capital."""
    return text[:1].upper() + text[1:]
