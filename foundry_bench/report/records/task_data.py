"""Trials -> which data set each task is of."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from foundry_bench.record import TrialRecord


def name_data(trials: Sequence[TrialRecord]) -> dict[str, str]:
    """A task's label -> its data set in a word: what it is called, or the file it is.

    A task without a data set of its own has the trial's. Left out where settings do not say, or
    trials differ.
    """
    found: dict[str, set[str]] = {}
    for trial in trials:
        for use in trial.stages:
            if use.stage == "evaluate" and use.task:
                found.setdefault(use.task, set()).update(_data_of(trial, use.task))
    return {label: next(iter(names)) for label, names in found.items() if len(names) == 1}


def name_task_data(trial: TrialRecord, label: str) -> str:
    """The data set of one trial's task; empty where settings do not say."""
    return next(_data_of(trial, label), "")


def name_data_set(data: object) -> str:
    """What the settings of a data set call it, or the file it is; empty if they are none."""
    if not isinstance(data, Mapping):
        return ""
    path = data.get("path")
    return PurePath(str(path)).stem if path else str(data.get("name", ""))


def tasks_of(trial: TrialRecord) -> list[Mapping[str, Any]]:
    """The settings of a trial's tasks; other versions may lack them."""
    tasks = trial.config.get("tasks")
    listed = tasks if isinstance(tasks, list | tuple) else ()
    return [task for task in listed if isinstance(task, Mapping)]


def _data_of(trial: TrialRecord, label: str) -> Iterator[str]:
    for task in _alike(tasks_of(trial), label):
        data = task.get("data") or trial.config.get("data")
        if isinstance(data, Mapping):
            yield name_data_set(data)


def _alike(tasks: Sequence[Mapping[str, Any]], label: str) -> Iterable[Mapping[str, Any]]:
    """Those that are called `label`, else those of a word that it begins with."""
    called = [task for task in tasks if (task.get("label") or task.get("name")) == label]
    return called or [
        task for task in tasks if not task.get("label") and label.startswith(f"{task.get('name')}_")
    ]
