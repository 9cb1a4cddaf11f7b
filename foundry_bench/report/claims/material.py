"""What checks look at."""

from dataclasses import dataclass

from foundry_bench.record import Record
from foundry_bench.report.records.harvest import Evidence
from foundry_bench.report.study.study import Study


@dataclass(frozen=True)
class Material:
    """All records at hand.

    Attributes:
        studies: one a sweep.
        profiles: records of what teachers and students cost.
    """

    studies: tuple[Study, ...]
    profiles: tuple[Record, ...]


def gather(evidence: Evidence, studies: tuple[Study, ...]) -> Material:
    """The studies, and all records of costs, whether a trial used them or not."""
    used = [record for record in evidence.records.values() if record.stage == "profile"]
    profiles = {record.key: record for record in (*used, *evidence.profiles)}
    return Material(studies, tuple(profiles[key] for key in sorted(profiles)))
