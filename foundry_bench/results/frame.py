"""The results frame: one row per trial, task and metric."""

import json
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pandas as pd

from foundry_bench.metrics import MetricSpec
from foundry_bench.record import Record, TrialRecord
from foundry_bench.results.axes import find_axes, value_at
from foundry_bench.results.costs import load_costs
from foundry_bench.results.loader import ResultSet, read, trial_id
from foundry_bench.results.metrics import is_result, sort_results, spec_of
from foundry_bench.results.series import name_series

DIGITS = 10
"""Significant digits of numbers in CSV files."""

ROWS = {
    "sweep": "object",
    "trial": "object",
    "role": "object",
    "status": "object",
    "teacher": "object",
    "student": "object",
    "variant": "object",
    "assignment": "object",
    "residual": "boolean",
    "supertokens": "Int64",
    "loss_name": "object",
    "target_norm": "object",
    "eps": "Float64",
    "gate_lambda": "Float64",
    "budget": "Int64",
    "varies": "object",
    "seed": "Int64",
    "threads": "Int64",
    "stage": "object",
    "task": "object",
    "metric": "object",
    "value": "float64",
}
"""Columns of `rows.csv`, in order, with their pandas types."""

COLUMNS = {
    **ROWS,
    "unit": "object",
    "direction": "object",
    "label": "object",
    "series": "object",
    "context": "object",
    "ground": "object",
    "data": "object",
    "protocol": "object",
    "stage_key": "object",
    "distill_clouds": "Int64",
    "macs": "float64",
    "encoder_tokens": "float64",
    "weight_mib": "float64",
}
"""Columns of every results frame; a column for each axis follows."""

COSTS = ("macs", "encoder_tokens", "weight_mib")
"""Cost columns: lower is better."""

STAGES = ("pretrain", "distill", "evaluate", "profile")
ROLES = ("main", "baseline", "ablation")
AT_BUDGET = "_at_budget_"
INFERENCE_ONLY = "inference_only"


def load(*folders: Path | str) -> pd.DataFrame:
    """The results frame of all trials below `folders`.

        frame = results.load("runs/supertokens")
        frame[frame.metric == "accuracy"].groupby("supertokens").value.mean()

    Args:
        folders: run directories, report folders, folders of several of these, or packed files.

    Returns:
        one row per trial, task and metric of the stages that ended well, in a stable order.
        `frame.attrs["notes"]` lists what was left out; `frame.attrs["axes"]` the axis columns.

    Raises:
        FoundryError: if a path is neither a folder nor a packed file.
    """
    return build_frame(read(*folders))


def build_frame(results: ResultSet) -> pd.DataFrame:
    """The results frame of `results`.

    A setting that a trial lacks is missing: the teacher has no SuperTokens. `value` has the
    record's own unit (accuracy from 0 to 1). A trial without any number has one row with an empty
    `metric`, so that it is counted; its `stage` and `task` are those that failed.
    """
    axes = [path for path in find_axes(results.trials) if path not in COLUMNS]
    series = name_series(results.trials)
    varied = describe_varied(results.trials)
    lines: list[dict[str, Any]] = []
    for trial in sorted(results.trials, key=_order):
        named = series[trial.sweep, trial.trial]
        common = {
            **_describe(trial),
            "varies": varied[trial_id(trial)],
            "series": named.name,
            "context": named.context,
            "ground": named.ground,
            "distill_clouds": _distill_clouds(trial, results),
            **{path: value_at(trial.config, path) for path in axes},
        }
        lines += [{**common, **line} for line in _lines(trial, results)]
    frame = pd.DataFrame(lines, columns=[*COLUMNS, *axes]).astype(COLUMNS)
    for path in axes:
        frame[path] = frame[path].convert_dtypes()
    frame = _with_costs(frame, results)
    frame.attrs = {"notes": list(results.notes), "axes": axes}
    return frame


def write_csv(frame: pd.DataFrame) -> str:
    """The columns of `rows.csv` as CSV, numbers with at most 10 significant digits.

    The last digits of a double depend on the processor.
    """
    rows = frame[list(ROWS)]
    floats = rows.select_dtypes("float")
    short = floats.map(shorten, na_action="ignore").astype(floats.dtypes)
    return str(rows.assign(**short).to_csv(index=False, lineterminator="\n"))


def shorten(value: float) -> float:
    """`value` with at most `DIGITS` significant digits."""
    return float(f"{value:.{DIGITS}g}")


def inference_only(frame: pd.DataFrame, results: ResultSet | None = None) -> pd.DataFrame:
    """Results of main students at other budgets than their own, as rows of an ablation.

    The students of the largest budget of each series are measured at smaller ones without further
    training, as `accuracy_at_budget_8`: each such row becomes one of variant `inference_only` with
    `metric` accuracy and `budget` 8. Add them with `pd.concat([frame, inference_only(frame)])`.

    Args:
        frame: the results frame.
        results: its records, to find the costs at these budgets; without them, costs are missing.
    """
    main = frame[(frame["role"] == "main") & frame["metric"].str.contains(AT_BUDGET, regex=False)]
    budget = frame["budget"].astype("Float64").fillna(math.inf)
    largest = budget[frame["role"] == "main"].groupby([frame["sweep"], frame["series"]]).max()
    is_largest = np.array(
        [
            budget[index] >= largest[sweep, series]
            for index, sweep, series in zip(main.index, main["sweep"], main["series"], strict=True)
        ],
        dtype=bool,
    )
    rows = main[is_largest].copy()
    parts = [metric.rpartition(AT_BUDGET) for metric in rows["metric"]]
    words = INFERENCE_ONLY.replace("_", " ")
    details = [series.partition(", ")[2] for series in rows["series"]]
    rows["series"] = [f"{words}, {detail}" if detail else words for detail in details]
    rows["label"] = [label.partition(" at budget ")[0] for label in rows["label"]]
    rows["metric"] = [metric for metric, _, _ in parts]
    rows["budget"] = pd.array([int(budget) for *_, budget in parts], dtype="Int64")
    rows["role"], rows["variant"] = "ablation", INFERENCE_ONLY
    rows[list(COSTS)] = math.nan  # those of the frame are at the student's own budget
    for budget in set(rows["budget"]) if results is not None else ():
        assert results is not None
        is_at = rows["budget"] == budget
        at_budget = replace(
            results, trials=tuple(_at_budget(trial, int(budget)) for trial in results.trials)
        )
        costs = load_costs(at_budget, {})
        for column in ("macs", "weight_mib"):
            values = _costs_of(rows[is_at], costs, column)
            rows.loc[is_at, column] = values.to_numpy()
    return rows


def _at_budget(trial: TrialRecord, budget: int) -> TrialRecord:
    student = trial.config.get("student")
    if not isinstance(student, Mapping):
        return trial
    config = {**trial.config, "student": {**student, "budget": budget}}
    return trial.model_copy(update={"config": config})


def _order(trial: TrialRecord) -> tuple[Any, ...]:
    said = _describe(trial)
    numbers = (said[name] for name in ("eps", "supertokens", "budget", "gate_lambda"))
    return (
        trial.sweep,
        ROLES.index(trial.role),
        trial.variant,
        said["teacher"],
        said["loss_name"],
        said["target_norm"],
        *(math.inf if value is None else value for value in numbers),
        trial.trial.split("-seed")[0],
        trial.seed,
        trial.trial,
    )


def _lines(trial: TrialRecord, results: ResultSet) -> Iterator[dict[str, Any]]:
    records = results.stages_of(trial)
    done = [record for record in records if record.status == "done" and record.stage in STAGES]
    done.sort(key=lambda record: (STAGES.index(record.stage), record.task or ""))
    if not any(record.metrics for record in done):
        failed = next((record for record in records if record.status != "done"), None)
        yield {
            **_stage(trial, failed),
            "metric": "",
            "value": math.nan,
            **MetricSpec(label="").model_dump(),
        }
    for record in done:
        common = _stage(trial, record)
        for metric, value in sorted(record.metrics.items()):
            spec = spec_of(record, metric)
            yield {**common, "metric": metric, "value": value, **spec.model_dump()}


def _stage(trial: TrialRecord, record: Record | None) -> dict[str, Any]:
    if record is None:
        names = ("stage", "task", "data", "protocol", "stage_key")
        return dict.fromkeys(names, "")
    return {
        "stage": record.stage,
        "task": record.task or "",
        "data": data_of(trial, record.task or ""),
        "protocol": str(record.config.get("protocol", "")),
        "stage_key": record.key,
    }


def _describe(trial: TrialRecord) -> dict[str, Any]:
    """Columns of a trial's configuration; records of other versions may lack any field."""
    teacher, student = _settings(trial.config, "teacher"), _settings(trial.config, "student")
    is_distilled = trial.config.get("init", "distilled") == "distilled" and bool(student)
    distill = _settings(_settings(trial.config, "train"), "distill") if is_distilled else {}
    loss = _settings(distill, "loss")
    residual = student.get("residual")
    return {
        "sweep": trial.sweep,
        "trial": trial.trial,
        "role": trial.role,
        "status": trial.status,
        "teacher": "/".join(str(teacher[part]) for part in ("name", "preset") if teacher.get(part)),
        "student": str(student.get("name", "")) if student else "teacher",
        "variant": trial.variant,
        "assignment": str(_settings(student, "assignment").get("name", "")),
        "residual": residual if isinstance(residual, bool) else None,
        "supertokens": _integer(student.get("supertokens")),
        "loss_name": str(loss.get("name", "")),
        "target_norm": str(loss.get("target_norm", "")),
        "eps": _number(distill.get("eps")),
        "gate_lambda": _number(student.get("gate_lambda")),
        "budget": _integer(student.get("budget")),
        "seed": trial.seed,
        "threads": trial.threads,
    }


def data_of(trial: TrialRecord, task: str) -> str:
    """The dataset of a trial's task, by name or file; without a task, that of distillation.

    A task without a dataset of its own has the trial's.
    """
    listed = trial.config.get("tasks")
    tasks = [each for each in listed or () if isinstance(each, Mapping)]
    called = [each for each in tasks if (each.get("label") or each.get("name")) == task] or [
        each for each in tasks if not each.get("label") and task.startswith(f"{each.get('name')}_")
    ]
    own = called[0].get("data") if task and called else None
    data = own or trial.config.get("data")
    if not isinstance(data, Mapping):
        return ""
    path = data.get("path")
    return PurePath(str(path)).stem if path else str(data.get("name", ""))


def _distill_clouds(trial: TrialRecord, results: ResultSet) -> int | None:
    """Clouds that the student was distilled on: as counted with cached tokens, else as set."""
    records = results.stages_of(trial)
    distill = next((record for record in records if record.stage == "distill"), None)
    if distill is None:
        return None
    inputs = set(distill.inputs.values())
    for record in records:
        is_pool = record.stage == "tokens" and record.config.get("split") == "pool"
        if is_pool and record.key in inputs and "clouds" in record.metrics:
            return int(record.metrics["clouds"])
    data = _settings(trial.config, "data")
    counts = [_integer(data.get(name)) for name in ("train", "unlabelled")]
    return sum(count or 0 for count in counts) or None


def _with_costs(frame: pd.DataFrame, results: ResultSet) -> pd.DataFrame:
    """`frame` with the cost columns of each trial."""
    tokens = encoder_tokens_of(frame)
    costs = load_costs(results, tokens)
    for column in ("macs", "weight_mib"):
        frame[column] = _costs_of(frame, costs, column)
    frame["encoder_tokens"] = _by_trial(frame, tokens)
    return frame


def _costs_of(frame: pd.DataFrame, costs: pd.DataFrame, column: str) -> "pd.Series[float]":
    """The values of a cost column of `frame`."""
    rows = costs[costs["cost"] == {"weight_mib": "weight_mib_fp32"}.get(column, column)]
    trials = zip(rows["sweep"], rows["trial"], strict=True)
    return _by_trial(frame, dict(zip(trials, rows["value"], strict=True)))


def _by_trial(frame: pd.DataFrame, values: Mapping[tuple[str, str], float]) -> "pd.Series[float]":
    trials = zip(frame["sweep"], frame["trial"], strict=True)
    found = [values.get(trial, math.nan) for trial in trials]
    return pd.Series(found, index=frame.index, dtype="float64")


def encoder_tokens_of(frame: pd.DataFrame) -> dict[tuple[str, str], float]:
    """(sweep, trial) -> mean tokens that entered its encoder.

    As the task of the preferred result saw it, else as measured after distillation.
    """
    is_answer = np.array(
        [
            is_result(*each)
            for each in zip(frame["stage"], frame["metric"], frame["direction"], strict=True)
        ],
        dtype=bool,
    )
    answers = frame[is_answer]
    tasks = [task for task, _ in sort_results(zip(answers["task"], answers["metric"], strict=True))]
    places = {task: place for place, task in reversed(list(enumerate([*tasks, ""])))}
    rows = frame[(frame["metric"] == "encoder_tokens") & frame["task"].isin(places)]
    rows = rows.iloc[rows["task"].map(places).argsort(kind="stable")]
    found: dict[tuple[str, str], float] = {}
    for sweep, trial, value in zip(rows["sweep"], rows["trial"], rows["value"], strict=True):
        if math.isfinite(value):
            found.setdefault((sweep, trial), value)
    return found


def describe_varied(trials: Sequence[TrialRecord]) -> dict[str, str]:
    """Text of the varied settings of each trial, by `trial_id`: `train.views.count=4; …`.

    Of a nested setting, such as an assignment, only the parts that differ within the sweep.
    """
    settings = {trial_id(trial): _flatten(trial.varies) for trial in trials}
    values: dict[tuple[str, str], set[str]] = defaultdict(set)
    for trial in trials:
        for path, text in settings[trial_id(trial)].items():
            values[trial.sweep, path].add(text)
    return {
        trial_id(trial): "; ".join(
            f"{path}={text}"
            for path, text in settings[trial_id(trial)].items()
            if path in trial.varies or len(values[trial.sweep, path]) > 1
        )
        for trial in trials
    }


def _flatten(varies: Mapping[str, Any]) -> dict[str, str]:
    """Path -> value, as JSON except plain words."""
    dump = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
    found: dict[str, str] = {}
    for path, value in sorted(varies.items()):
        if isinstance(value, Mapping) and value and "." in path:
            found |= _flatten({f"{path}.{key}": each for key, each in value.items()})
        else:
            found[path] = value if isinstance(value, str) else dump(value)
    return found


def _settings(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = config.get(name)
    return value if isinstance(value, Mapping) else {}


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
