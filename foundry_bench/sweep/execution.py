"""A sweep from its trials to their records: what is finished is skipped, the rest runs on Ray."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from foundry_bench.config.sweep import SweepConfig, TrialConfig
from foundry_bench.errors import FoundryError
from foundry_bench.record import Status, TrialRecord
from foundry_bench.store import Store
from foundry_bench.sweep.board import Board
from foundry_bench.sweep.desk import Desk
from foundry_bench.sweep.display import display
from foundry_bench.sweep.expand import trial_id
from foundry_bench.sweep.folder import PROGRESS, SUMMARY, Folder, read_mapping, write_mapping
from foundry_bench.sweep.group import TRIAL
from foundry_bench.sweep.mirroring import Mirroring
from foundry_bench.sweep.planning import PLANNER, SweepPlan, TrialPlan, plan_sweep
from foundry_bench.sweep.slots import Slots

FAILURES: tuple[Status, ...] = ("failed", "oom", "diverged")


@dataclass(frozen=True)
class Call:
    """One call of `foundry-bench sweep`.

    Attributes:
        sweep: the resolved sweep file.
        trials: what it stands for.
        out: the output folder.
        store: the store's folder.
        retry: statuses whose trials run again.
        command: what the user typed.
        planner: `module:function` that plans a trial, importable in the workers.
    """

    sweep: SweepConfig
    trials: Sequence[TrialConfig]
    out: Path
    store: Path
    slots: Slots
    retry: Collection[Status] = ()
    command: str = ""
    planner: str = PLANNER


@dataclass(frozen=True)
class Outcome:
    """How a call ended.

    Attributes:
        records: of all trials of the sweep that ended, now or earlier.
        num_run: trials that this call ran.
        stage_s: seconds in the stages that this call ran.
        is_mirrored: whether MLflow holds all records.
    """

    records: Sequence[TrialRecord]
    num_run: int
    wall_s: float
    stage_s: float
    slots: int
    is_mirrored: bool

    @property
    def overhead(self) -> float | None:
        """(wall x slots - stages) / stages, what Ray and MLflow cost; None if no stage ran."""
        return (self.wall_s * self.slots - self.stage_s) / self.stage_s if self.stage_s else None

    @property
    def failures(self) -> list[TrialRecord]:
        """Trials that ended without their numbers."""
        return [record for record in self.records if record.status in FAILURES]


def run_sweep(call: Call, console: Console) -> Outcome:
    """Run the trials of `call` that have not ended yet, and write the sweep's summary.

    Raises:
        FoundryError: if the folder is another sweep's or in use, a trial cannot be planned or
            begin (see `check_inputs`), or the store cannot go on. What was finished is kept.
        KeyboardInterrupt: as it comes, once the workers are stopped. What was finished is kept.
    """
    start = time.perf_counter()
    folder = Folder(call.out.absolute())
    with folder.hold():
        folder.refuse_other(call.sweep, call.trials)
        todo = to_do(call, folder, plan_sweep(call.trials, Store(call.store), call.planner))
        folder.adopt(call.sweep, call.trials)
        is_mirrored = bool(read_mapping(folder.root / SUMMARY).get("is_mirrored"))
        ran: dict[str, float] = {}
        if todo or not is_mirrored:
            with Mirroring(folder, call.sweep.name, console) as mirroring:
                if todo:
                    ran = _run(call, folder, todo, mirroring.put, console)
                is_mirrored = mirroring.finish()
        found = [folder.trial(trial_id(trial)) for trial in call.trials]
        records = [record for record in found if record is not None]
        wall_s = time.perf_counter() - start
        outcome = Outcome(
            records, len(todo), wall_s, sum(ran.values()), call.slots.count, is_mirrored
        )
        saved = read_mapping(folder.root / SUMMARY)
        if todo or not saved:
            saved = _summary(call, outcome)
        write_mapping(folder.root / SUMMARY, {**saved, "is_mirrored": is_mirrored})
        return outcome


def to_do(call: Call, folder: Folder, plan: SweepPlan) -> list[TrialConfig]:
    """The trials of `plan` that have to run.

    Raises:
        FoundryError: if some of them cannot begin.
    """
    todo = [each.trial for each in plan.trials if not has_ended(folder, each, call.retry)]
    if todo:
        from foundry_bench.sweep.preflight import check_inputs

        check_inputs(todo)
    return todo


def has_ended(folder: Folder, planned: TrialPlan, retry: Collection[Status]) -> bool:
    """Whether a trial need not run: done with the records of all its stages here, or failed and not
    in `retry`.

    What it used must be what is planned now: data, weights or code may have changed since. A failed
    trial has not used all of it.
    """
    try:
        record = folder.trial(trial_id(planned.trial))
    except FoundryError:
        return False
    if record is None or record.status in retry:
        return False
    used = {use.key for use in record.stages}
    keys = {stage.key for stage in planned.stages}
    if record.status != "done":
        return used <= keys
    return used == keys and folder.is_complete(record)


def _run(
    call: Call,
    folder: Folder,
    todo: Sequence[TrialConfig],
    mirror: Callable[[str], None],
    console: Console,
) -> dict[str, float]:
    """Run `todo` on Ray; returns key -> seconds of the stages that ran."""
    from foundry_bench.sweep.ray_engine import run_groups, started_ray
    from foundry_bench.sweep.worker import Work

    console.file = console.file  # stays what it is while Ray's prints to sys.stdout are dropped
    groups = [[trial] for trial in todo]
    work = Work(
        groups=[[trial.model_dump_json() for trial in group] for group in groups],
        store=str(call.store.absolute()),
        out=str(folder.root),
        planner=call.planner,
    )
    board = _board(call, folder, todo)
    with display(board, console) as shown, started_ray(call.slots):
        desk = Desk(groups, folder, board, shown, mirror)
        for trial in todo:
            (folder.root / "trials" / trial_id(trial) / TRIAL).unlink(missing_ok=True)
        try:
            problem = run_groups(work, call.slots, desk, folder.root / "ray")
        finally:
            (folder.root / PROGRESS).unlink(missing_ok=True)
    if problem:
        raise FoundryError(problem)
    return desk.ran


def _board(call: Call, folder: Folder, todo: Sequence[TrialConfig]) -> Board:
    board = Board(call.trials, call.slots.count)
    waiting = {trial_id(trial) for trial in todo}
    for identity in board.rows.keys() - waiting:
        record = folder.trial(identity)
        assert record is not None
        board.end(record, folder.metrics(record))
    return board


def _summary(call: Call, outcome: Outcome) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "name": call.sweep.name,
        "question": call.sweep.question,
        "command": call.command,
        "trials": len(call.trials),
        "ran": outcome.num_run,
        "failed": len(outcome.failures),
        "slots": outcome.slots,
        "wall_s": outcome.wall_s,
        "stage_s": outcome.stage_s,
        "overhead": outcome.overhead,
    }
