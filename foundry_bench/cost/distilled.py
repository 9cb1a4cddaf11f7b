"""A student as a sweep has distilled it, found by the stage that did."""

import json
from dataclasses import dataclass
from pathlib import Path

from foundry_bench.errors import FoundryError
from foundry_bench.record import Record, read_json
from foundry_bench.registries import STUDENTS
from foundry_bench.store import RECORD, WEIGHTS_REMOVED
from foundry_bench.students.student import StudentSettings
from foundry_bench.teachers.preset import TeacherSource
from foundry_bench.trial_inputs import WEIGHTS


@dataclass(frozen=True)
class Distilled:
    """What a finished distillation left.

    Attributes:
        key: of its stage.
        weights: the file.
    """

    settings: StudentSettings
    seed: int
    key: str
    weights: Path


def read_distilled(folder: Path, source: TeacherSource) -> Distilled:
    """The student in `folder`, the stage of a distillation in a store.

    Raises:
        FoundryError: if that is none, or `source` is not the teacher that the student is of.
    """
    expected = "give the folder of a distillation in a sweep's store, <store>/stages/<key>"
    if not (folder / RECORD).is_file():
        raise FoundryError(f"{folder} has no {RECORD}; {expected}")
    record = read_json(folder / RECORD, Record)
    if record.stage != "distill" or record.status != "done":
        raise FoundryError(f"{folder} holds a stage {record.stage}, {record.status}; {expected}")
    if (folder / WEIGHTS_REMOVED).is_file():
        raise FoundryError(
            f"the weights in {folder} were removed, as `keep_weights` of their sweep says; "
            "for new ones run the trial into another folder: "
            "foundry-bench run <trial.yaml> --out runs/again"
        )
    if not (folder / WEIGHTS).is_file():
        raise FoundryError(
            f"{folder} has no {WEIGHTS}: it is the copy of a record, not its place in the store; "
            f"{expected}"
        )
    if record.inputs.get("teacher") != source.fingerprint:
        raise FoundryError(
            f"{folder} is of a student of another teacher than {source.architecture.name} with "
            "these weights; give its teacher by --teacher, --preset and --weights"
        )
    student = record.config["student"]
    kind = STUDENTS.get(student["name"]).Settings
    assert record.seed is not None
    return Distilled(
        kind.model_validate_json(json.dumps(student)),
        record.seed,
        record.key,
        folder / WEIGHTS,
    )
