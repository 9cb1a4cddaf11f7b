"""What the students of a sweep's trials cost, as records beside those of the trials."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import cast

from pydantic import ValidationError

from foundry_bench.config.settings import TeacherSettings
from foundry_bench.config.sweep import TrialConfig
from foundry_bench.cost.flops import FLOPS_VERSION, TASK, cost_of
from foundry_bench.cost.subjects import Subject
from foundry_bench.errors import FoundryError
from foundry_bench.record import Record, TrialRecord, read_json, write_json
from foundry_bench.stage import Stage, StageResult
from foundry_bench.store import RECORD, describe
from foundry_bench.students.student import StudentSettings
from foundry_bench.teachers.preset import teacher_source

TRIAL = "trial.json"


@dataclass(frozen=True)
class Priced:
    """A teacher, or a student of it as far as its settings decide what it costs."""

    teacher: TeacherSettings
    student: StudentSettings | None

    @property
    def _subject(self) -> Subject:
        return Subject(self.student)

    @property
    def macs(self) -> float:
        """MACs of a cloud, from patches to tokens."""
        return _counted(self)["macs"]

    @property
    def stage(self) -> Stage:
        """The count as a stage: without a head, of a cloud of random patches."""
        source, subject = teacher_source(self.teacher), self._subject
        return Stage(
            "profile",
            FLOPS_VERSION,
            {"profile": TASK, **subject.config(source), "classes": None, "clouds": None},
            lambda context: StageResult(_counted(self)),
            fingerprints=subject.fingerprints(source),
            task=TASK,
        )


def price(trial: TrialConfig, encoder_tokens: float | None) -> Priced:
    """What `trial` is to be counted as.

    Where clouds decide how many tokens enter the encoder, as with a gate without a budget, it is
    the student at `encoder_tokens`, the mean over clouds, as a budget.
    """
    student = cast(StudentSettings | None, trial.student)
    if student is not None and encoder_tokens:
        fields = type(student).model_fields
        if "budget" in fields and getattr(student, "budget", None) is None:
            least: int = getattr(student, "supertokens", 1)
            budget = max(least, round(encoder_tokens))
            student = student.model_copy(update={"budget": budget})
    return Priced(trial.teacher, student)


def keep_count(out: Path, priced: Priced) -> Record:
    """The record of a count in `out`/stages, made if it is not there."""
    stage = priced.stage
    path = out / "stages" / stage.key / RECORD
    if path.is_file():
        return read_json(path, Record)
    record = describe(stage, "done", StageResult(_counted(priced)), None)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, record)
    return record


def count_trials(out: Path) -> tuple[list[Record], list[str]]:
    """A record of each teacher and student that the trials of a sweep's folder `out` ended well
    with; and what could not be counted, and why.

    Raises:
        FoundryError: if there are no such trials.
    """
    trials = [read_json(path, TrialRecord) for path in sorted(out.glob(f"trials/*/{TRIAL}"))]
    done = [trial for trial in trials if trial.status == "done"]
    if not done:
        raise FoundryError(
            f"{out} has no trials that ended well; give the output folder of a sweep, such as "
            "runs/supertokens"
        )
    found: dict[str, Record] = {}
    failures: dict[str, None] = {}
    for trial in done:
        try:
            priced = price(_config(trial), _encoder_tokens(out, trial))
            for each in (Priced(priced.teacher, None), priced):
                record = keep_count(out, each)
                found[record.key] = record
        except FoundryError as error:
            failures[f"{trial.variant}: {error}"] = None
    return list(found.values()), list(failures)


@lru_cache(maxsize=1024)
def _counted(priced: Priced) -> dict[str, float]:
    """Weights decide nothing here: they are left out."""
    teacher = replace(teacher_source(priced.teacher), weights=None).build()
    return cost_of(Subject(priced.student).build(teacher))


def _config(trial: TrialRecord) -> TrialConfig:
    try:
        return TrialConfig.model_validate(trial.config)
    except ValidationError as error:
        raise FoundryError(f"this version cannot read the trial's config: {error}") from error


def _encoder_tokens(out: Path, trial: TrialRecord) -> float | None:
    """What the first task saw enter the encoder, else what distillation did."""
    paths = [
        out / "stages" / use.key / RECORD
        for kind in ("evaluate", "distill")
        for use in trial.stages
        if use.stage == kind
    ]
    records: Sequence[Record] = [read_json(path, Record) for path in paths if path.is_file()]
    numbers = (record.metrics.get("encoder_tokens") for record in records)
    return next((number for number in numbers if number is not None), None)
