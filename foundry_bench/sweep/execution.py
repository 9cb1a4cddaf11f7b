"""A sweep from its trials to their records: what is finished is skipped, the rest runs on Ray."""

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from foundry_bench.config.sweep import SweepConfig, TrialConfig
from foundry_bench.errors import FoundryError
from foundry_bench.precision import slow_lines
from foundry_bench.record import Status, TrialRecord
from foundry_bench.store import OUTPUT, STORE, Store, raise_if_unwritable, writing_to
from foundry_bench.sweep import references
from foundry_bench.sweep.board import Board
from foundry_bench.sweep.desk import Desk
from foundry_bench.sweep.display import display
from foundry_bench.sweep.estimate import room_lines
from foundry_bench.sweep.expand import Expansion, trial_id
from foundry_bench.sweep.folder import PROGRESS, SUMMARY, Folder, read_mapping, write_mapping
from foundry_bench.sweep.marks import marked
from foundry_bench.sweep.mirroring import Mirroring
from foundry_bench.sweep.packing import Usage
from foundry_bench.sweep.planning import PLANNER, SweepPlan, TrialPlan, plan_sweep
from foundry_bench.sweep.side_by_side import side_by_side
from foundry_bench.sweep.slots import Slots
from foundry_bench.sweep.supply import Group, Supply, Waiting, once_more

if TYPE_CHECKING:
    from foundry_bench.sweep.ray_engine import Pruning
    from foundry_bench.sweep.search import Found, Search

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
        expansion: makes the trials that a search suggests; None: the sweep has no search.
        is_joined: whether it runs on the Ray that is connected, and not on one of its own.
    """

    sweep: SweepConfig
    trials: Sequence[TrialConfig]
    out: Path
    store: Path
    slots: Slots
    retry: Collection[Status] = ()
    command: str = ""
    planner: str = PLANNER
    expansion: Expansion | None = None
    is_joined: bool = False

    @property
    def corners(self) -> list[TrialConfig]:
        """Trials such as a search may suggest; none without one."""
        return [] if self.expansion is None else self.expansion.corners


@dataclass(frozen=True)
class Outcome:
    """How a call ended.

    Attributes:
        records: of all trials of the sweep that ended, now or earlier.
        num_run: trials that this call ran.
        stage_s: seconds in the stages that this call ran.
        is_mirrored: whether MLflow holds all records.
        found: what a search found; None without one.
        usage: what a trial used of a GPU, if it was measured.
    """

    records: Sequence[TrialRecord]
    num_run: int
    wall_s: float
    stage_s: float
    slots: int
    is_mirrored: bool
    found: "Found | None" = None
    usage: Usage | None = None

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
        folder.refuse_other(call.sweep, call.trials, next(iter(call.corners), None))
        plan = plan_sweep(call.trials, Store(call.store), call.planner)
        todo = to_do(call, folder, plan)
        together = call.sweep.resources.max_interleaved
        groups = side_by_side(todo, plan.to_run, call.slots.now, together)
        planned = {stage.key: stage for each in todo for stage in each.stages}
        room = room_lines(call.store, [planned[key] for key in planned if key in plan.to_run])
        for line in [*room, *slow_lines(each.trial for each in todo)]:
            console.print(line, highlight=False, soft_wrap=True)
        folder.adopt(call.sweep, call.trials)
        references.register(call.store, folder.root, [*plan.to_run, *plan.in_store])
        search = open_search(call, folder)
        waiting = search.waiting() if search else []
        fresh, due = apart([*groups, *waiting], folder)
        supply = Supply(fresh, search, call.slots, due)
        before = read_mapping(folder.root / SUMMARY)
        is_mirrored = bool(before.get("is_mirrored")) and not supply.has_any()
        if not is_mirrored:
            folder.note_changed()  # until this call ends: it may be killed
        desk: Desk | None = None
        if not is_mirrored:
            with Mirroring(folder, call.sweep.name, console) as mirroring:
                if supply.has_any():
                    desk = _run(call, folder, supply, mirroring.put, console)
                is_mirrored = mirroring.finish()
        trials = [*call.trials, *(search.trials if search else ())]
        found = [folder.trial(trial_id(trial)) for trial in trials]
        outcome = Outcome(
            records=[record for record in found if record is not None],
            num_run=supply.num_trials,
            wall_s=time.perf_counter() - start,
            stage_s=sum(desk.ran.values()) if desk else 0.0,
            slots=supply.slots.now,
            is_mirrored=is_mirrored,
            found=search.found() if search else None,
            usage=desk.usage if desk else None,
        )
        saved = read_mapping(folder.root / SUMMARY)
        if supply.given or not saved:
            saved = _summary(call, outcome)
        write_mapping(folder.root / SUMMARY, {**saved, "is_mirrored": is_mirrored})
        if call.sweep.keep_weights != "all" and None not in found:
            from foundry_bench.sweep.keeping import free_weights

            with writing_to(call.store, STORE):
                freed = free_weights(call.sweep, folder, call.store)
            console.print(freed, highlight=False)
        return outcome


def open_search(call: Call, folder: Folder) -> "Search | None":
    """The search of `call`, if it has one, as far as the folder says that it went."""
    if call.expansion is None:
        return None
    from foundry_bench.sweep.search import Search

    store = Store(call.store)

    def ended(trial: TrialConfig) -> bool:
        (planned,) = plan_sweep([trial], store, call.planner).trials
        references.add(call.store, folder.root, [stage.key for stage in planned.stages])
        return has_ended(folder, planned, call.retry)

    return Search(call.expansion, folder, ended)


def to_do(call: Call, folder: Folder, plan: SweepPlan) -> list[TrialPlan]:
    """The trials of `plan` that have to run.

    Raises:
        FoundryError: if some of them cannot begin.
    """
    todo = [each for each in plan.trials if not has_ended(folder, each, call.retry)]
    if todo or call.corners:
        from foundry_bench.sweep.preflight import check_inputs

        check_inputs([*(each.trial for each in todo), *call.corners])
    return todo


def has_ended(folder: Folder, planned: TrialPlan, retry: Collection[Status]) -> bool:
    """Whether a trial need not run: done with the records of all its stages here, or failed, not in
    `retry` and not to run once more for want of memory.

    What it used must be what is planned now: data, weights or code may have changed since. A failed
    trial has not used all of it.
    """
    record = _readable(folder, planned.trial)
    if record is None or record.retry_pending or record.status in retry:
        return False
    used = {use.key for use in record.stages}
    keys = {stage.key for stage in planned.stages}
    if record.status != "done":
        return used <= keys
    return used == keys and folder.is_complete(record)


def apart(
    groups: Iterable[Sequence[TrialConfig]], folder: Folder
) -> tuple[list[Group], list[Waiting]]:
    """`groups` without the trials that are to run once more for want of memory, since an earlier
    call did not come to it; and those.
    """
    fresh: list[Group] = []
    due: list[Waiting] = []
    for group in groups:
        records = [_readable(folder, trial) for trial in group]
        pairs = list(zip(group, records, strict=True))
        due += [
            once_more(trial, record) for trial, record in pairs if record and record.retry_pending
        ]
        rest = [trial for trial, record in pairs if not (record and record.retry_pending)]
        fresh += [rest] if rest else []
    return fresh, due


def _readable(folder: Folder, trial: TrialConfig) -> TrialRecord | None:
    """The record of a trial; None as well if it was cut short, or is of another version."""
    try:
        return folder.trial(trial_id(trial))
    except FoundryError:
        return None


def _run(
    call: Call,
    folder: Folder,
    supply: Supply,
    mirror: Callable[[str], None],
    console: Console,
) -> Desk:
    """Run all of `supply` on Ray; returns what kept the books."""
    from foundry_bench.sweep.ray_engine import run_groups
    from foundry_bench.sweep.ray_start import quiet, started_ray
    from foundry_bench.sweep.worker import Work

    console.file = console.file  # stays what it is while Ray's prints to sys.stdout are dropped
    known = supply.known()
    board = _board(call, folder, supply, known)
    pruning = _pruning(call)
    work = Work(
        store=str(call.store.absolute()),
        out=str(folder.root),
        planner=call.planner,
        is_watched=pruning is not None,
        measures=call.slots.is_unpacked,
    )
    with ExitStack() as stack:
        shown = stack.enter_context(display(board, console))
        if call.is_joined:
            stack.enter_context(quiet())
            mark = stack.enter_context(marked([folder.root, call.store]))
            work = replace(work, mark=mark, folder=str(Path.cwd()))
        else:
            stack.enter_context(started_ray(call.slots))
        desk = Desk(supply, folder, board, shown, mirror)
        for trial in known:
            folder.forget(trial)
        try:
            problem = run_groups(work, supply, desk, folder.root / "ray", pruning)
        except Exception as error:  # Ray wraps those of the desk in its own
            raise_if_unwritable(error, folder.root, OUTPUT)
            raise
        finally:
            (folder.root / PROGRESS).unlink(missing_ok=True)
    if problem:
        raise FoundryError(problem)
    return desk


def _pruning(call: Call) -> "Pruning | None":
    """What stops suggestions early, if the search has it."""
    from foundry_bench.sweep.ray_engine import Pruning

    search = call.sweep.search
    if search is None or search.scheduler == "none":
        return None
    epochs = max(trial.train.distill.epochs for trial in call.corners)
    return Pruning(search.scheduler, epochs * len(call.sweep.seeds), grace=max(1, epochs // 4))


def _board(call: Call, folder: Folder, supply: Supply, waiting: Sequence[TrialConfig]) -> Board:
    search = supply.search
    suggested = search.trials if search else []
    num_to_come = search.num_to_come * len(call.sweep.seeds) if search else 0
    board = Board([*call.trials, *suggested], supply.slots.now, num_to_come)
    for identity in board.rows.keys() - {trial_id(trial) for trial in waiting}:
        record = folder.trial(identity)
        assert record is not None
        board.end(record, folder.metrics(record), folder.results(record))
    return board


def _summary(call: Call, outcome: Outcome) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "name": call.sweep.name,
        "question": call.sweep.question,
        "command": call.command,
        "trials": len(outcome.records),
        "ran": outcome.num_run,
        "failed": len(outcome.failures),
        "slots": outcome.slots,
        "wall_s": outcome.wall_s,
        "stage_s": outcome.stage_s,
        "overhead": outcome.overhead,
        **({"usage": asdict(outcome.usage)} if outcome.usage else {}),
        **({"search": asdict(outcome.found)} if outcome.found else {}),
    }
