"""What a suggestion of a search was worth, from the records of its seeds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Literal

from foundry_bench.config.search import GMACS, Objective
from foundry_bench.config.sweep import TrialConfig
from foundry_bench.cost.trials import Priced, keep_count, price
from foundry_bench.errors import FoundryError
from foundry_bench.record import TrialRecord
from foundry_bench.registry import unknown
from foundry_bench.sweep.expand import trial_id
from foundry_bench.sweep.folder import Folder


@dataclass(frozen=True)
class Worth:
    """How a suggestion ended.

    Attributes:
        status: `failed` where a seed has not all of its numbers, whatever the cause.
        values: of each objective the mean over seeds; empty unless it is done.
    """

    status: Literal["done", "failed", "pruned"]
    values: tuple[float, ...] = ()


def worth(
    trials: Sequence[TrialConfig], objectives: Sequence[Objective], folder: Folder
) -> Worth | None:
    """What `trials`, the seeds of a suggestion, came to; None while some have no record, or
    are to run once more.

    Where MACs are an objective, their counts stay in the folder, for the report.

    Raises:
        FoundryError: if all went well, but there is no number of an objective's name.
    """
    found = [folder.trial(trial_id(trial)) for trial in trials]
    records = [record for record in found if record is not None and not record.retry_pending]
    if len(records) < len(trials):
        return None
    statuses = {record.status for record in records}
    if statuses != {"done"}:
        return Worth("pruned" if statuses <= {"done", "pruned"} else "failed")
    seeds = [numbers(record, folder) for record in records]
    values = tuple(
        mean(
            _value(objective, trial, seed, folder)
            for trial, seed in zip(trials, seeds, strict=True)
        )
        for objective in objectives
    )
    return Worth("done", values) if all(map(math.isfinite, values)) else Worth("failed")


def numbers(record: TrialRecord, folder: Folder) -> dict[str, float]:
    """The final numbers of a trial by name, those of its tasks by `<label>.<name>` too."""
    found = folder.metrics(record)
    for stage in folder.stages(record):
        if stage.task is not None:
            found |= {f"{stage.task}.{name}": value for name, value in stage.metrics.items()}
    return found


def _value(
    objective: Objective, trial: TrialConfig, found: dict[str, float], folder: Folder
) -> float:
    if objective.name == GMACS:
        priced = price(trial, found.get("encoder_tokens"))
        keep_count(folder.root, Priced(trial.teacher, None))
        return keep_count(folder.root, priced).metrics["macs"] / 1e9
    if objective.name not in found:
        raise FoundryError(f"search.{unknown('objective', objective.name, sorted(found))}")
    return found[objective.name]


def gmacs(trial: TrialConfig, encoder_tokens: float | None) -> float:
    """Thousand million MACs of the trial's student for a cloud, as `price` has it counted."""
    assert trial.student is not None, "a search suggests students"
    return price(trial, encoder_tokens).macs / 1e9
