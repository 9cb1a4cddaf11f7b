"""What a group is given with its trials: its share, and what was tried before."""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from foundry_bench.record import Attempt, TrialRecord


class Grant(BaseModel):
    """One time that a group is given to a worker.

    Attributes:
        share: as in `TrialRecord`.
        earlier: id of a trial -> what was tried before.
        members: trials of the group, which have the share together.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    share: float | None = None
    earlier: Mapping[str, Sequence[Attempt]] = {}
    members: int = 1

    def stamp(self, record: TrialRecord) -> TrialRecord:
        """`record` with the share that it held, what was tried before, and whether there is more
        for it than it had: twice the share, or all of it alone.
        """
        earlier = list(self.earlier.get(record.trial, ()))
        can_grow = self.share is not None and (self.share <= 0.5 or self.members > 1)
        retry_pending = record.status == "oom" and can_grow and not earlier
        return record.model_copy(
            update={
                "share": self.share,
                "earlier_attempts": earlier,
                "retry_pending": retry_pending,
            }
        )
