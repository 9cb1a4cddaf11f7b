"""Records -> rows: one line per trial x task x metric, for this report and for other programs."""

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from foundry_bench.record import Record, TrialRecord
from foundry_bench.report.records.harvest import Evidence, settings_of, trial_id
from foundry_bench.results.frame import describe_varied

COLUMNS = {
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
"""The columns of `rows.csv`, in order, with their pandas types."""

STAGES = ("pretrain", "distill", "evaluate", "profile")

ROLES = ("main", "baseline", "ablation")


def tidy_rows(evidence: Evidence) -> pd.DataFrame:
    """One line per trial, task and metric of the stages that ended well, in a stable order.

    A field that a trial does not have is missing: the teacher has no SuperTokens, a student that
    was not distilled no loss and no ε, a stage without a task no task. `residual` is True or False,
    `value` in the record's own unit (accuracy 0..1). `varies` is all that the sweep gives the trial
    otherwise than others, with a column of its own or not: `train.views.count=4; …`, by path; of
    nested settings those that differ: `student.assignment.init_std=4`. A trial without any number
    still has one line, with `metric` empty and `value` missing, so that it is counted; its `stage`
    and `task` are those that ended it, where the records say so.
    """
    varies = describe_varied(evidence.trials)
    lines = [
        {**line, "varies": varies[trial_id(trial)]}
        for trial in sorted(evidence.trials, key=_order)
        for line in _lines(trial, evidence)
    ]
    return pd.DataFrame(lines, columns=list(COLUMNS)).astype(COLUMNS)


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


def _lines(trial: TrialRecord, evidence: Evidence) -> Iterator[dict[str, Any]]:
    common = _describe(trial)
    used = evidence.stages_of(trial)
    done = [record for record in used if record.status == "done" and record.stage in STAGES]
    lines = [
        {
            **common,
            "stage": record.stage,
            "task": record.task or "",
            "metric": metric,
            "value": value,
        }
        for record in sorted(
            done, key=lambda record: (STAGES.index(record.stage), record.task or "")
        )
        for metric, value in sorted(record.metrics.items())
    ]
    if not lines:
        ended = failed_stage(trial, evidence)
        stage, task = (ended.stage, ended.task or "") if ended else ("", "")
        lines = [{**common, "stage": stage, "task": task, "metric": "", "value": math.nan}]
    yield from lines


def _describe(trial: TrialRecord) -> dict[str, Any]:
    """What a trial's configuration says; configurations of other versions may lack any field."""
    teacher, student = settings_of(trial.config, "teacher"), settings_of(trial.config, "student")
    distils = trial.config.get("init", "distilled") == "distilled" and bool(student)
    distill = settings_of(settings_of(trial.config, "train"), "distill") if distils else {}
    loss = settings_of(distill, "loss")
    residual = student.get("residual")
    return {
        "sweep": trial.sweep,
        "trial": trial.trial,
        "role": trial.role,
        "status": trial.status,
        "teacher": "/".join(str(teacher[part]) for part in ("name", "preset") if teacher.get(part)),
        "student": str(student.get("name", "")) if student else "teacher",
        "variant": trial.variant,
        "assignment": str(settings_of(student, "assignment").get("name", "")),
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


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def failed_stage(trial: TrialRecord, evidence: Evidence) -> Record | None:
    """The stage that kept `trial` from ending well, if its record was found."""
    return next((record for record in evidence.stages_of(trial) if record.status != "done"), None)
