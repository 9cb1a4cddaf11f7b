"""Every variant for a moment, before hours are spent."""

import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from foundry_bench.config.sweep import TrialConfig
from foundry_bench.config.tasks import TaskSettings, short
from foundry_bench.data.loader import DataSettings
from foundry_bench.precision import slow_lines
from foundry_bench.stage import Progress
from foundry_bench.store import Store
from foundry_bench.sweep.board import waiting_row
from foundry_bench.sweep.display import first_line, label
from foundry_bench.sweep.group import run_group
from foundry_bench.sweep.labels import Labels
from foundry_bench.sweep.planning import PLANNER, load_planner

FIXED_VIEWS = 2


def run_smoke(trials: Sequence[TrialConfig], console: Console, planner: str = PLANNER) -> int:
    """Run one seed of every variant for two optimiser steps, keep nothing, print how each ended.

    A task is run once with each student: another variant of that student, which learns or starts
    otherwise, is only distilled, or runs its first task if it is not.

    Returns:
        The exit code: 1 if a variant failed.
    """
    for line in slow_lines(trials):
        console.print(line, highlight=False, soft_wrap=True)
    plan = load_planner(planner)
    num_failed = 0
    labels = Labels(trial.varies for trial in trials)
    with tempfile.TemporaryDirectory(prefix="foundry-smoke-") as temporary:
        out = Path(temporary)
        store = Store(out / "store")
        for trial in without_repeats(variants(trials)):
            record = run_group([shrunk(trial)], store, out, _ignore, plan)[0]
            num_failed += record.status != "done"
            words = [
                record.status,
                label(waiting_row(trial), labels),
                first_line(record.error or ""),
            ]
            console.print(Text("  ".join(words).rstrip()), soft_wrap=True)
            # tuned weights of all variants would take gigabytes, and no other variant reads them
            for use in record.stages:
                if use.stage == "evaluate":
                    shutil.rmtree(store.root / "stages" / use.key, ignore_errors=True)
    return 1 if num_failed else 0


def variants(trials: Sequence[TrialConfig]) -> Iterator[TrialConfig]:
    """`trials` without the repetitions that differ only in their seed."""
    seen: set[str] = set()
    for trial in trials:
        identity = trial.model_copy(update={"seed": 0}).model_dump_json()
        if identity not in seen:
            seen.add(identity)
            yield trial


def without_repeats(trials: Iterator[TrialConfig]) -> Iterator[TrialConfig]:
    """`trials` without tasks that an earlier one has with the same student and schedule.

    One that is not distilled keeps a task: it would run nothing.
    """
    seen: set[str] = set()
    for trial in trials:
        questions = {task.key: _question(trial, task) for task in trial.tasks}
        fresh = tuple(task for task in trial.tasks if questions[task.key] not in seen)
        seen.update(questions.values())
        if not fresh and trial.init != "distilled":
            fresh = trial.tasks[:1]
        yield trial.model_copy(update={"tasks": fresh})


def _question(trial: TrialConfig, task: TaskSettings) -> str:
    """What decides how a task's code runs: all but the weights that it begins with."""
    finetune = getattr(task, "finetune", None) or trial.train.finetune
    settings = (trial.teacher, trial.student, trial.data, task, finetune)
    parts = [part.model_dump(mode="json") if part is not None else None for part in settings]
    return json.dumps([*parts, trial.train.views.model_dump(mode="json")], sort_keys=True)


def shrunk(trial: TrialConfig) -> TrialConfig:
    """`trial` with one epoch of two steps, on as little data as its dataset allows."""
    data = trial.data.smoke() if isinstance(trial.data, DataSettings) else trial.data
    views = trial.train.views
    if views.count != "online":
        views = views.model_copy(update={"count": min(views.count, FIXED_VIEWS)})
    schedules = {"distill": short(trial.train.distill), "finetune": short(trial.train.finetune)}
    train = trial.train.model_copy(update={**schedules, "views": views})
    asked = (task.model_copy(update={"data": task.data or trial.data}) for task in trial.tasks)
    tasks = tuple(task.smoke() for task in asked)
    return trial.model_copy(update={"train": train, "data": data, "tasks": tasks})


def _ignore(trial: str, progress: Progress) -> None:
    """Nobody watches the epochs of a smoke test."""
