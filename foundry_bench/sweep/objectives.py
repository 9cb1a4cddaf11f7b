"""What a suggestion of a search was worth, from the records of its seeds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from statistics import mean
from typing import Literal

from foundry_bench.config.search import GMACS, Objective
from foundry_bench.config.settings import NamedSettings, TeacherSettings
from foundry_bench.config.sweep import TrialConfig
from foundry_bench.cost.macs import count_macs
from foundry_bench.errors import FoundryError
from foundry_bench.record import TrialRecord
from foundry_bench.registries import STUDENTS
from foundry_bench.registry import unknown
from foundry_bench.sweep.expand import trial_id
from foundry_bench.sweep.folder import Folder
from foundry_bench.teachers.preset import teacher_source


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

    Raises:
        FoundryError: if all went well, but there is no number of an objective's name.
    """
    found = [folder.trial(trial_id(trial)) for trial in trials]
    records = [record for record in found if record is not None and not record.is_due]
    if len(records) < len(trials):
        return None
    statuses = {record.status for record in records}
    if statuses != {"done"}:
        return Worth("pruned" if statuses <= {"done", "pruned"} else "failed")
    seeds = [numbers(record, folder) for record in records]
    values = tuple(
        mean(_value(objective, trial, seed) for trial, seed in zip(trials, seeds, strict=True))
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


def _value(objective: Objective, trial: TrialConfig, found: dict[str, float]) -> float:
    if objective.name == GMACS:
        return gmacs(trial, found.get("encoder_tokens"))
    if objective.name not in found:
        raise FoundryError(f"search.{unknown('objective', objective.name, sorted(found))}")
    return found[objective.name]


def gmacs(trial: TrialConfig, encoder_tokens: float | None) -> float:
    """Thousand million MACs of the trial's student for a cloud, as `count_macs` counts them.

    Where clouds decide how many tokens enter the encoder, as with a gate without a budget, it is
    the cost at `encoder_tokens`, the mean over clouds, as a budget.
    """
    student = trial.student
    assert student is not None, "a search suggests students"
    fields = type(student).model_fields
    if "budget" in fields and getattr(student, "budget", None) is None and encoder_tokens:
        least: int = getattr(student, "supertokens", 1)
        budget = max(least, round(encoder_tokens))
        student = student.model_copy(update={"budget": budget})
    return _gmacs(trial.teacher, student)


@lru_cache(maxsize=1024)
def _gmacs(teacher: TeacherSettings, student: NamedSettings) -> float:
    """Weights decide nothing here: they are left out."""
    master = replace(teacher_source(teacher), weights=None).build()
    pupil = STUDENTS.get(student.name)(master, student)  # type: ignore[arg-type]
    pupil.settle(master)
    return count_macs(pupil)["total"] / 1e9
