"""A stage: a pure function of its settings and its inputs, stored under their hash."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from foundry_bench.metrics import MetricSpecs
from foundry_bench.record import StageKind


@dataclass(frozen=True)
class Progress:
    """How far a stage is; reported once an epoch.

    Attributes:
        metrics: the epoch's numbers, as in the record's history.
        left_s: estimated seconds to the stage's end.
    """

    stage: StageKind
    task: str | None
    epoch: int
    epochs: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    left_s: float | None = None


SCRATCH = "scratch"
Report = Callable[[Progress], None]


def to_nobody(progress: Progress) -> None:
    """A `Report` where nobody watches."""


@dataclass(frozen=True)
class StageContext:
    """What a stage is given to run.

    Attributes:
        directory: where it leaves its files (weights, arrays); becomes the store's
            entry when the stage ends, and is still there if the stage is killed and called again.
        cache: where datasets keep what they prepared once (`<store>/data`).
        inputs: name -> folder of the finished stage it needs.
        report: to be called once an epoch.
    """

    directory: Path
    cache: Path
    inputs: Mapping[str, Path]
    report: Report = to_nobody

    @property
    def scratch(self) -> Path:
        """A folder in `directory` for what serves a second call alone, such as checkpoints. It goes
        once the stage is at its end, and not before: there is much to do after the last epoch.
        """
        return self.directory / SCRATCH


@dataclass(frozen=True)
class StageResult:
    """Numbers of a finished stage; files stay in its directory.

    Attributes:
        metric_specs: unit, direction and label of the metrics; part of the record, not of the key.
    """

    metrics: Mapping[str, float] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    timings: Mapping[str, float] = field(default_factory=dict)
    metric_specs: MetricSpecs = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Stage:
    """One step of a trial.

    Attributes:
        kind: the word that records and tables use.
        version: raised when the code changes what the stage computes.
        config: JSON-able settings that decide the result, and nothing else.
        needs: stages whose results it reads, by name.
        fingerprints: contents it reads that no stage made (data, weight files), by name.
        run: does the work; it may be called again in a directory that holds a checkpoint.
        together: stages with the same word learn from the same batches, and cost less side by side
            (see `turns`); None: there is nothing to share.
        num_bytes: of its files, where they are large; None: they are, and how large is not known
            before the data is read.
        packages: whose versions its record tells beside the usual ones.
    """

    kind: StageKind
    version: int
    config: Mapping[str, Any]
    run: Callable[[StageContext], StageResult]
    needs: Mapping[str, "Stage"] = field(default_factory=dict)
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    seed: int | None = None
    task: str | None = None
    together: str | None = None
    num_bytes: int | None = 0
    packages: Sequence[str] = ()

    @property
    def inputs(self) -> dict[str, str]:
        """Name -> key or fingerprint of all it reads."""
        return {**self.fingerprints, **{name: stage.key for name, stage in self.needs.items()}}

    @cached_property
    def key(self) -> str:
        """sha256 over all that decides the result (DESIGN: one key is never run twice)."""
        content = {
            "stage": self.kind,
            "version": self.version,
            "config": self.config,
            "inputs": self.inputs,
            "seed": self.seed,
            "task": self.task,
        }
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()
