"""Every variant for a moment, before hours are spent."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from foundry_bench.config.sweep import TrialConfig
from foundry_bench.config.tasks import short
from foundry_bench.data.loader import DataSettings
from foundry_bench.precision import slow_lines
from foundry_bench.stage import Progress
from foundry_bench.store import Store
from foundry_bench.sweep.board import waiting_row
from foundry_bench.sweep.display import first_line, label
from foundry_bench.sweep.group import run_group
from foundry_bench.sweep.labels import Labels
from foundry_bench.sweep.planning import PLANNER, load_planner


def run_smoke(trials: Sequence[TrialConfig], console: Console, planner: str = PLANNER) -> int:
    """Run one seed of every variant for a few optimiser steps, keep nothing, print how each ended.

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
        for trial in variants(trials):
            record = run_group([shrunk(trial)], store, out, _ignore, plan)[0]
            num_failed += record.status != "done"
            words = [
                record.status,
                label(waiting_row(trial), labels),
                first_line(record.error or ""),
            ]
            console.print(Text("  ".join(words).rstrip()), soft_wrap=True)
    return 1 if num_failed else 0


def variants(trials: Sequence[TrialConfig]) -> Iterator[TrialConfig]:
    """`trials` without the repetitions that differ only in their seed."""
    seen: set[str] = set()
    for trial in trials:
        identity = trial.model_copy(update={"seed": 0}).model_dump_json()
        if identity not in seen:
            seen.add(identity)
            yield trial


def shrunk(trial: TrialConfig) -> TrialConfig:
    """`trial` with one epoch of a few steps, on as little data as its dataset allows."""
    data = trial.data.smoke() if isinstance(trial.data, DataSettings) else trial.data
    distill, finetune = short(trial.train.distill), short(trial.train.finetune)
    train = trial.train.model_copy(update={"distill": distill, "finetune": finetune})
    asked = (task.model_copy(update={"data": task.data or trial.data}) for task in trial.tasks)
    tasks = tuple(task.smoke() for task in asked)
    return trial.model_copy(update={"train": train, "data": data, "tasks": tasks})


def _ignore(trial: str, progress: Progress) -> None:
    """Nobody watches the epochs of a smoke test."""
