"""Where each trial of a running sweep stands."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from foundry_bench.config.sweep import TrialConfig
from foundry_bench.record import TrialRecord
from foundry_bench.stage import Progress
from foundry_bench.sweep.expand import trial_id
from foundry_bench.sweep.labels import main_metric, result_column


@dataclass
class Row:
    """One trial.

    Attributes:
        state: `waiting`, `running`, or the status it ended with.
        stage: the stage at work, with its task.
        results: main metric of each task, by its column.
        left_s: estimated seconds to the end of the trial.
    """

    trial: str
    role: str
    variant: str
    seed: int
    varies: dict[str, Any] = field(default_factory=dict)
    state: str = "waiting"
    stage: str = ""
    epoch: int = 0
    epochs: int = 0
    loss: float | None = None
    accuracy: float | None = None
    results: dict[str, float] = field(default_factory=dict)
    left_s: float | None = None
    error: str | None = None


class Board:
    """All rows, and what they add up to.

    Attributes:
        num_to_come: trials that have no row yet, as a search has not suggested them.
        counts: how many trials are in each state.
    """

    def __init__(self, trials: Sequence[TrialConfig], slots: int, num_to_come: int = 0) -> None:
        self.slots = slots
        self.num_to_come = num_to_come
        self.started = time.monotonic()
        self.rows = {row.trial: row for row in map(waiting_row, trials)}
        self._tasks = {task.key: task.name for trial in trials for task in trial.tasks}
        self.counts: Counter[str] = Counter(waiting=len(self.rows))
        self._running: dict[str, Row] = {}
        self._begun: dict[str, float] = {}
        self._spent_s, self._num_spent = 0.0, 0

    @property
    def elapsed_s(self) -> float:
        """Seconds since the board was made."""
        return time.monotonic() - self.started

    @property
    def num_trials(self) -> int:
        """All trials, with and without a row."""
        return len(self.rows) + self.num_to_come

    @property
    def num_ended(self) -> int:
        """Trials that will not change any more."""
        return len(self.rows) - self.counts["waiting"] - self.counts["running"]

    @property
    def left_s(self) -> float | None:
        """Estimated seconds to the end, from the trials that ended; None before the first."""
        if self._usual_s is None:
            return None
        running = [row.left_s or 0.0 for row in self._running.values()]
        num_waiting = self.counts["waiting"] + self.num_to_come
        work = sum(running) + num_waiting * self._usual_s
        return max([work / self.slots, *running])

    def add(self, trials: Sequence[TrialConfig]) -> None:
        """Note that a search suggested `trials`."""
        self._tasks |= {task.key: task.name for trial in trials for task in trial.tasks}
        new = [row for row in map(waiting_row, trials) if row.trial not in self.rows]
        self.rows.update({row.trial: row for row in new})
        self.counts["waiting"] += len(new)
        self.num_to_come -= len(new)

    def start(self, trial: str) -> None:
        """Note that a worker began with `trial`."""
        self._move(self.rows[trial], "running")
        self._begun[trial] = time.monotonic()

    def wait(self, trial: str) -> None:
        """Note that `trial`, which a worker began with, is to begin anew."""
        self.rows[trial] = replace(
            self.rows[trial],
            stage="",
            epoch=0,
            epochs=0,
            loss=None,
            accuracy=None,
            results={},
            left_s=None,
        )
        self._begun.pop(trial, None)
        self._move(self.rows[trial], "waiting")

    def progress(self, trial: str, progress: Progress) -> None:
        """Note that `trial` got on."""
        row = self.rows[trial]
        begun = self._begun.setdefault(trial, time.monotonic())
        row.stage = f"{progress.stage} {progress.task}" if progress.task else progress.stage
        row.epoch, row.epochs = progress.epoch, progress.epochs
        row.loss = progress.metrics.get("loss", row.loss)
        row.accuracy = progress.metrics.get("accuracy", row.accuracy)
        if progress.task is not None and progress.task in self._tasks:
            task = self._tasks[progress.task]
            metric = main_metric(task)
            if metric is not None and metric in progress.metrics:
                column = result_column(progress.task, task, metric)
                row.results = {**row.results, column: progress.metrics[metric]}
        usual_s = self._usual_s
        expected = None if usual_s is None else usual_s - (time.monotonic() - begun)
        estimates = [left for left in (progress.left_s, expected) if left is not None]
        row.left_s = max(0.0, *estimates) if estimates else None

    def end(
        self,
        record: TrialRecord,
        metrics: Mapping[str, float],
        results: Mapping[str, float],
    ) -> Row:
        """Note how a trial ended, with its final numbers."""
        row = self.rows[record.trial]
        if begun := self._begun.pop(record.trial, None):
            self._spent_s += time.monotonic() - begun
            self._num_spent += 1
        self._move(row, record.status)
        finish_row(row, record, metrics, results)
        return row

    def snapshot(self) -> dict[str, Any]:
        """What `foundry-bench status` in another terminal shows of the trials at work."""
        running = {trial: asdict(row) for trial, row in self._running.items()}
        return {
            "schema_version": 1,
            "elapsed_s": self.elapsed_s,
            "left_s": self.left_s,
            "running": running,
        }

    @property
    def _usual_s(self) -> float | None:
        """Seconds of a trial, in the mean of those that ended."""
        return self._spent_s / self._num_spent if self._num_spent else None

    def _move(self, row: Row, state: str) -> None:
        self.counts[row.state] -= 1
        self.counts[state] += 1
        self._running.pop(row.trial, None)
        if state == "running":
            self._running[row.trial] = row
        row.state = state


def waiting_row(trial: TrialConfig) -> Row:
    """The row of a trial that has not begun."""
    return Row(trial_id(trial), trial.role, trial.variant, trial.seed, dict(trial.varies))


def finish_row(
    row: Row, record: TrialRecord, metrics: Mapping[str, float], results: Mapping[str, float]
) -> None:
    """Fill `row` with how its trial ended."""
    row.state, row.error = record.status, record.error
    row.stage, row.left_s = "", None
    row.loss = metrics.get("distill_loss")
    row.results = dict(results)
    row.accuracy = metrics.get("accuracy", metrics.get("probe_accuracy"))
