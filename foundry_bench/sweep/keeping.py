"""Which weights stay when a sweep has ended: `keep_weights` of a sweep file."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from filelock import FileLock, Timeout

from foundry_bench.config.sweep import SweepConfig, TrialConfig
from foundry_bench.errors import FoundryError
from foundry_bench.record import TrialRecord
from foundry_bench.registries import TASKS
from foundry_bench.store import WEIGHTS_REMOVED
from foundry_bench.sweep.folder import Folder, write_mapping
from foundry_bench.sweep.objectives import gmacs, numbers
from foundry_bench.sweep.references import held, references

WEIGHTS = "*.safetensors"


@dataclass(frozen=True)
class Candidate:
    """A student, all seeds of it.

    Attributes:
        result: mean over seeds, more is better.
        gmacs: None if it cannot be told.
        supertokens: None if it has none.
    """

    trials: tuple[str, ...]
    result: float
    gmacs: float | None
    supertokens: int | None


def free_weights(sweep: SweepConfig, folder: Folder, store: Path) -> str:
    """Free the weights of stages that only those trials of `folder` used whose weights are not to
    stay; returns what was done, in a line.

    A trial that did not end well keeps them: it may be run again. Their stages' records stay, in
    the store as well; a stage whose weights another one needs later runs again.
    """
    records = [record for each in folder.identities() if (record := folder.trial(each))]
    staying = {record.trial for record in records if record.status != "done"}
    if sweep.keep_weights == "front":
        for result in results(sweep):
            staying |= front(candidates(records, folder, result))
    of_front = {use.key for record in records if record.trial in staying for use in record.stages}
    freed, num_bytes = 0, 0
    with held(store):
        others = (each for each in references(store) if each.folder != folder.root and each.counts)
        wanted = of_front.union(*(each.keys for each in others))
        for key in {use.key for record in records for use in record.stages} - wanted:
            size = _free(store, key, {"sweep": sweep.name, "keep_weights": sweep.keep_weights})
            freed, num_bytes = freed + (size > 0), num_bytes + size
    removed = f"{num_bytes / 2**20:.1f} MiB"
    return f"keep_weights: {sweep.keep_weights} freed the weights of {freed} stages, {removed}"


def results(sweep: SweepConfig) -> list[str]:
    """The number that answers each task, as `numbers` calls it."""
    return [f"{task.key}.{TASKS.get(task.name).metrics[0]}" for task in sweep.tasks]


def candidates(records: Iterable[TrialRecord], folder: Folder, result: str) -> list[Candidate]:
    """Main students among `records` that ended well with that result."""
    groups: dict[str, list[TrialRecord]] = {}
    for record in records:
        if record.role == "main" and record.status == "done" and record.config["student"]:
            alike = json.dumps({**record.config, "seed": 0}, sort_keys=True)
            groups.setdefault(alike, []).append(record)
    found = []
    for seeds in groups.values():
        all_numbers = [numbers(record, folder) for record in seeds]
        value = mean(each.get(result, math.nan) for each in all_numbers)
        if math.isfinite(value):
            costs = [_gmacs(*each) for each in zip(seeds, all_numbers, strict=True)]
            known = [cost for cost in costs if cost is not None]
            found.append(
                Candidate(
                    tuple(record.trial for record in seeds),
                    value,
                    mean(known) if len(known) == len(costs) else None,
                    seeds[0].config["student"].get("supertokens"),
                )
            )
    return found


def front(found: Sequence[Candidate]) -> set[str]:
    """Trials of those that no other beats in result or cost without being worse in the other; of
    the best of each number of SuperTokens where a cost is not known.
    """
    if any(each.gmacs is None for each in found):
        best: dict[int | None, Candidate] = {}
        for each in sorted(found, key=lambda one: one.result):
            best[each.supertokens] = each
        return {trial for each in best.values() for trial in each.trials}
    return {
        trial
        for each in found
        if not any(_beats(other, each) for other in found)
        for trial in each.trials
    }


def _beats(one: Candidate, other: Candidate) -> bool:
    assert one.gmacs is not None
    assert other.gmacs is not None
    is_no_worse = one.result >= other.result and one.gmacs <= other.gmacs
    return is_no_worse and (one.result, one.gmacs) != (other.result, other.gmacs)


def _gmacs(record: TrialRecord, found: dict[str, float]) -> float | None:
    try:
        return gmacs(TrialConfig.model_validate(record.config), found.get("encoder_tokens"))
    except (FoundryError, ValueError):
        return None


def _free(store: Path, key: str, why: dict[str, str]) -> int:
    """Delete the weights of a stage, unless a process is at work on it; returns their bytes."""
    path = store / "stages" / key
    files = list(path.glob(WEIGHTS))
    if not files:
        return 0
    lock = FileLock(store / "locks" / f"{key}.lock")
    try:
        with lock.acquire(timeout=0):
            write_mapping(path / WEIGHTS_REMOVED, why)
            num_bytes = sum(file.stat().st_size for file in files)
            for file in files:
                file.unlink()
    except Timeout:
        return 0
    return num_bytes
