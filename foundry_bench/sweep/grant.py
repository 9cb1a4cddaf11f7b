"""What a group is given with its trials: its share, and what was tried before."""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from foundry_bench.record import Attempt, TrialRecord


class Grant(BaseModel):
    """One time that a group is given to a worker.

    Attributes:
        share: as in `TrialRecord`.
        earlier: id of a trial -> what was tried before.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    share: float | None = None
    earlier: Mapping[str, Sequence[Attempt]] = {}

    def stamp(self, record: TrialRecord) -> TrialRecord:
        """`record` with the share that it held, and what was tried before."""
        earlier = list(self.earlier.get(record.trial, ()))
        return record.model_copy(update={"share": self.share, "earlier": earlier})
