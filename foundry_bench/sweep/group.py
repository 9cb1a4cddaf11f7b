"""What one worker does: the trials of a group, stage by stage, with Ray and without."""

import shutil
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from foundry_bench.config.sweep import TrialConfig
from foundry_bench.files import replacing
from foundry_bench.record import Record, StageUse, Status, TrialRecord, write_json
from foundry_bench.stage import Progress, Stage
from foundry_bench.store import (
    OUTPUT,
    RECORD,
    Entry,
    StageFailed,
    Store,
    StoreError,
    diagnose,
    writing_to,
)
from foundry_bench.sweep.expand import trial_id
from foundry_bench.sweep.grant import Grant
from foundry_bench.sweep.threads import set_threads
from foundry_bench.turns import in_turns

TRIAL = "trial.json"
LOG = "log.txt"
ARRAYS = "arrays.npz"
MAX_ARRAYS_BYTES = 2**20

Planner = Callable[[TrialConfig], list[Stage]]
"""A trial -> its leaf stages in the order in which they run; what they need is in `Stage.needs`."""
GroupReport = Callable[[str, Progress], None]
"""Called once an epoch with the id of the trial that got on."""
Turn = Callable[[str], None]
"""Called with the id of the trial whose turn it is from now on."""
ALONE = Grant()


def _ignore(trial: str) -> None:
    """Nobody asks whose turn it is."""


def run_group(
    trials: Sequence[TrialConfig],
    store: Store,
    out: Path,
    report: GroupReport,
    plan: Planner,
    grant: Grant = ALONE,
    turn: Turn = _ignore,
) -> list[TrialRecord]:
    """Run each of `trials` and leave its records under `out`; a member that fails does not end the
    others.

    Each leaves `out/trials/<id>/trial.json`, whatever its end, and `out/stages/<key>/record.json`
    for every stage it used. Nothing here draws random numbers: stages seed themselves.

    Raises:
        StoreError: if the store cannot go on, or `out` cannot be written; the trial at work then
            leaves no trial.json.
    """
    failures = _run_together(trials, store, report, plan, turn) if len(trials) > 1 else {}
    records = []
    with writing_to(out, OUTPUT):
        for trial in trials:
            turn(trial_id(trial))
            records.append(_run_trial(trial, store, out, report, plan, failures, grant))
    return records


def _run_together(
    trials: Sequence[TrialConfig], store: Store, report: GroupReport, plan: Planner, turn: Turn
) -> dict[str, StageFailed]:
    """Run stages of different trials that learn from the same batches side by side; returns those
    that failed, by key, for their trials to record.
    """
    failures: dict[str, StageFailed] = {}
    found: dict[str, dict[str, tuple[Stage, TrialConfig]]] = {}
    for trial in trials:
        with suppress(Exception):
            stages = in_order(plan(trial))
            lacks = lacking(stages, store)
            for key, stage in stages.items():
                if stage.together is not None and key in lacks:
                    found.setdefault(stage.together, {}).setdefault(key, (stage, trial))
    for together in found.values():
        if len(together) > 1:
            for result in _take_turns(list(together.values()), store, report, turn):
                if isinstance(result, StageFailed):
                    failures[result.record.key] = result
                elif isinstance(result, Exception):
                    raise result
    return failures


def _take_turns(
    pairs: Sequence[tuple[Stage, TrialConfig]], store: Store, report: GroupReport, turn: Turn
) -> list[object]:
    names = [trial_id(trial) for _, trial in pairs]
    members = [_member(stage, trial, store, report) for stage, trial in pairs]
    return in_turns(members, lambda number: turn(names[number]))


def _member(
    stage: Stage, trial: TrialConfig, store: Store, report: GroupReport
) -> Callable[[], object]:
    def run() -> object:
        set_threads(trial.threads)
        return store.run_if_free(stage, lambda progress: report(trial_id(trial), progress))

    return run


def _run_trial(
    trial: TrialConfig,
    store: Store,
    out: Path,
    report: GroupReport,
    plan: Planner,
    failures: Mapping[str, StageFailed],
    grant: Grant,
) -> TrialRecord:
    identity = trial_id(trial)
    folder = out / "trials" / identity
    folder.mkdir(parents=True, exist_ok=True)
    set_threads(trial.threads)
    used: dict[str, Stage] = {}
    failed: Record | None = None
    status: Status = "done"
    message: str | None = None
    try:
        leaves = plan(trial)
        used = in_order(leaves)
        if known := next((failures[key] for key in used if key in failures), None):
            raise known
        for leaf in leaves:
            store.get_or_run(leaf, lambda progress: report(identity, progress))
    except StoreError:
        raise
    except StageFailed as failure:
        failed = failure.record
        status, message = failed.status, f"{failed.stage}: {failed.error}"
        _log(failure.__cause__ or failure, folder)
    except Exception as error:
        status, message = diagnose(error)
        _log(error, folder)
    uses = _copy_records(used, store, failed, out)
    record = grant.stamp(describe_trial(trial, status, message, uses))
    write_json(folder / TRIAL, record)
    return record


def describe_trial(
    trial: TrialConfig, status: Status, error: str | None, uses: Sequence[StageUse] = ()
) -> TrialRecord:
    """The record of `trial` as it ended, having used `uses`."""
    return TrialRecord(
        trial=trial_id(trial),
        sweep=trial.sweep,
        role=trial.role,
        variant=trial.variant,
        seed=trial.seed,
        threads=trial.threads,
        status=status,
        error=error,
        varies=dict(trial.varies),
        config=trial.model_dump(mode="json"),
        stages=list(uses),
        finished_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
    )


def in_order(leaves: Sequence[Stage]) -> dict[str, Stage]:
    """All that `leaves` need and themselves by key, each once and after what it needs."""
    found: dict[str, Stage] = {}

    def visit(stage: Stage) -> None:
        if stage.key not in found:
            for need in stage.needs.values():
                visit(need)
            found[stage.key] = stage

    for leaf in leaves:
        visit(leaf)
    return found


def lacking(stages: Mapping[str, Stage], store: Store) -> set[str]:
    """Keys of `stages`, each after what it needs, that the store lacks; and of those whose weights
    were freed and such a stage needs.
    """
    found = {key: store.find(key) for key in stages}
    lacks = {key for key, entry in found.items() if entry is None}
    for stage in reversed(list(stages.values())):
        needed = (found[need.key] for need in stage.needs.values() if stage.key in lacks)
        lacks |= {entry.record.key for entry in needed if entry and not entry.is_whole}
    return lacks


def _copy_records(
    used: Mapping[str, Stage], store: Store, failed: Record | None, out: Path
) -> list[StageUse]:
    uses = []
    for key, stage in used.items():
        if failed is not None and key == failed.key:
            write_json(out / "stages" / key / RECORD, failed)
        elif entry := store.find(key):
            _copy_entry(entry, out / "stages" / key)
        else:
            continue
        uses.append(StageUse(stage=stage.kind, task=stage.task, key=key))
    return uses


def _copy_entry(entry: Entry, target: Path) -> None:
    arrays = entry.path / ARRAYS
    if arrays.is_file() and arrays.stat().st_size <= MAX_ARRAYS_BYTES:
        with replacing(target / ARRAYS) as temporary:
            shutil.copyfile(arrays, temporary)
    write_json(target / RECORD, entry.record)


def _log(error: BaseException, folder: Path) -> None:
    with (folder / LOG).open("a", encoding="utf-8") as log:
        log.writelines(traceback.format_exception(error))
