"""What a stage and a trial leave behind: versioned JSON, the only source of every figure and table.

`<store>/stages/<key>/record.json` and `<out>/stages/<key>/record.json` hold a `Record`;
`<out>/trials/<trial>/trial.json` holds a `TrialRecord`, which says which stages the trial used.
"""

from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from foundry_bench.errors import FoundryError
from foundry_bench.files import flush, replacing
from foundry_bench.metrics import MetricSpec

SCHEMA_VERSION = 1

StageKind = Literal["pretrain", "tokens", "distill", "evaluate", "profile"]
Status = Literal["done", "failed", "oom", "diverged", "pruned"]
Role = Literal["main", "baseline", "ablation"]


class _Versioned(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")
    schema_version: int = SCHEMA_VERSION


class Record(_Versioned):
    """One stage of one student and one seed.

    Attributes:
        key: sha256 over config, inputs, kind and stage version: the name of the stage in the store.
        stage: what kind of stage it was.
        task: the task's name, for `evaluate`.
        inputs: name of input -> key or fingerprint.
        metrics: final numbers; names end in their unit where they have one.
        metric_specs: metric -> unit, direction and label; empty in records of earlier versions.
        history: one mapping per epoch (`epoch` counts from 1).
        timings: seconds: `wall_s` and parts of it.
        device: what it ran on (kind, name, cores, threads, memory).
    """

    key: str
    stage: StageKind
    stage_version: int
    task: str | None = None
    status: Status
    error: str | None = None
    config: dict[str, Any]
    inputs: dict[str, str]
    seed: int | None
    metrics: dict[str, float] = {}
    metric_specs: dict[str, MetricSpec] = {}
    history: list[dict[str, float]] = []
    timings: dict[str, float] = {}
    device: dict[str, Any] = {}
    packages: dict[str, str] = {}
    commit: str | None = None


class StageUse(_Versioned):
    """That a trial used a stage."""

    stage: StageKind
    task: str | None = None
    key: str


class Attempt(_Versioned):
    """A try of a trial before its last: how it ended, and the share that it held."""

    status: Status
    error: str | None = None
    share: float


class TrialRecord(_Versioned):
    """One teacher, one student variant, one seed, its tasks: which stages gave its numbers.

    Attributes:
        share: of a GPU, or on CPU of a machine's slots, that it held; None outside of a sweep.
        earlier_attempts: what was tried before, at a smaller share or beside others of its group.
        retry_pending: whether it is to run once more: it ran out of memory where it can have more.
        variant: what the figures call it, such as `foundry`, `teacher` or `no_residual`.
        varies: dotted path -> value, of what differs between the trials of its sweep.
        config: the resolved trial, as `foundry-bench run` takes it.
        finished_at: when it ended, in UTC (ISO 8601); None in records of earlier versions. File
            times do not survive a clone or a copy.
    """

    trial: str
    sweep: str
    role: Role
    variant: str
    seed: int
    threads: int
    status: Status
    error: str | None = None
    share: float | None = None
    earlier_attempts: list[Attempt] = []
    retry_pending: bool = False
    varies: dict[str, Any] = {}
    config: dict[str, Any]
    stages: list[StageUse] = []
    finished_at: str | None = None

    def finished_s(self, file_time_s: float) -> float:
        """Seconds since 1970 of its end; `file_time_s` for a record that does not say."""
        if self.finished_at is None:
            return file_time_s
        return datetime.fromisoformat(self.finished_at).timestamp()

    def same_result(self, other: "TrialRecord") -> bool:
        """Whether `other` says the same, whenever it ended."""
        ignored = {"finished_at": None}
        return self.model_copy(update=ignored) == other.model_copy(update=ignored)


R = TypeVar("R", bound=_Versioned)


def write_json(path: Path, record: _Versioned) -> None:
    """Write `record` to `path` by one atomic rename."""
    with replacing(path) as temporary:
        temporary.write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")
        flush(temporary)


def read_json(path: Path, kind: type[R]) -> R:
    """The record in `path`.

    Raises:
        FoundryError: if it is cut short, of another schema version, or not such a record.
    """
    try:
        return kind.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError) as error:
        raise FoundryError(
            f"{path} is not a {kind.__name__} of schema {SCHEMA_VERSION}: {error}"
        ) from error
