"""Records -> frames of what is not a final number: epochs and seconds."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from foundry_bench.record import Role, StageKind
from foundry_bench.report.harvest import Evidence, trial_id
from foundry_bench.report.series import Series


@dataclass(frozen=True)
class Curve:
    """One number of one run over its epochs; values that are not finite are left out.

    Attributes:
        epochs: counted from 1.
    """

    role: Role
    series: str
    supertokens: int | None
    seed: int
    epochs: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class StageTime:
    """The seconds one stage took; a stage that several trials share appears once."""

    stage: StageKind
    task: str
    device: str
    seconds: float
    num_trials: int


def collect_curves(
    evidence: Evidence, series: Mapping[str, Series], stage: StageKind, name: str
) -> list[Curve]:
    """The histories called `name` of all stages of kind `stage`, in the trials' order."""
    curves = []
    for trial in evidence.trials:
        for record in evidence.stages_of(trial):
            if record.stage != stage:
                continue
            points = [
                (round(line["epoch"]), line[name])
                for line in record.history
                if math.isfinite(line.get("epoch", math.nan))
                and math.isfinite(line.get(name, math.nan))
            ]
            student = trial.config.get("student")
            supertokens = student.get("supertokens") if isinstance(student, dict) else None
            if points:
                epochs, values = zip(*points, strict=True)
                name_of = series.get(trial_id(trial), Series(trial.variant)).name
                curves.append(Curve(trial.role, name_of, supertokens, trial.seed, epochs, values))
    return curves


def collect_times(evidence: Evidence) -> list[StageTime]:
    """What every stage took, failed ones too, ordered by kind, task, device and time."""
    uses = Counter(use.key for trial in evidence.trials for use in trial.stages)
    times = [
        StageTime(
            record.stage,
            record.task or "",
            str(record.device.get("name") or record.device.get("kind") or "unknown device"),
            record.timings["wall_s"],
            uses[key],
        )
        for key, record in evidence.records.items()
        if math.isfinite(record.timings.get("wall_s", math.nan))
    ]
    return sorted(
        times, key=lambda time: (time.stage, time.task, time.device, time.seconds, time.num_trials)
    )
