"""Records -> frames of what is not a final number: epochs and seconds."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from foundry_bench.record import StageKind
from foundry_bench.report.harvest import Evidence
from foundry_bench.report.runs import Run


@dataclass(frozen=True)
class Curve:
    """One number of one run over its epochs; values that are not finite are left out.

    Attributes:
        epochs: counted from 1.
    """

    run: Run
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
    evidence: Evidence, runs: Sequence[Run], stage: StageKind, *names: str, task: str | None = None
) -> list[Curve]:
    """The histories called by the first of `names` that a line has, of all stages of kind `stage`
    (and of `task`, if it is given), in the order of `runs`.

    A stage that several runs of a series share is one curve, of the first of them.
    """
    trials = {trial.trial: trial for trial in evidence.trials}
    curves, seen = [], set()
    for run in runs:
        for record in evidence.stages_of(trials[run.trial]):
            points = [
                (round(line["epoch"]), value)
                for line in record.history
                for value in [next((line[name] for name in names if name in line), math.nan)]
                if math.isfinite(line.get("epoch", math.nan)) and math.isfinite(value)
            ]
            is_wanted = record.stage == stage and task in (None, record.task)
            if is_wanted and points and (run.series, record.key) not in seen:
                seen.add((run.series, record.key))
                epochs, values = zip(*points, strict=True)
                curves.append(Curve(run, epochs, values))
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
