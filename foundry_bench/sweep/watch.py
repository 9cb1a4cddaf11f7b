"""What a scheduler sees of a group: the running mean of its seeds' distillation losses."""

from collections.abc import Mapping
from statistics import mean
from threading import Semaphore

from foundry_bench.stage import Progress

EPOCHS = "epochs"
"""Key of a result: epochs of distillation so far, of all seeds together; the scheduler's clock."""
LOSS = "loss"
"""Key of a result: the mean of the seeds' latest losses between tokens."""
NOTHING = {EPOCHS: 0, LOSS: float("inf")}
"""Of a group that distilled nothing; a scheduler overlooks it."""


class Stopped(BaseException):
    """The scheduler stopped the group. No error of a stage, and so none that the store handles: a
    stage at work keeps its checkpoint.
    """


class Watch:
    """The running mean, and the place where a group waits for the scheduler's decision.

    Seeds run one after the other, so groups are compared where they have come equally far.

    Attributes:
        last: what was seen last.
    """

    def __init__(self) -> None:
        self.last: Mapping[str, float] = NOTHING
        self._losses: dict[str, float] = {}
        self._epochs: dict[str, int] = {}
        self._turns = Semaphore(0)
        self._waits = False
        self._is_stopped = False

    def see(self, trial: str, progress: Progress) -> Mapping[str, float]:
        """What the scheduler is to know of `progress`: nothing, unless it is an epoch of
        distillation.
        """
        if progress.stage != "distill" or progress.epoch == 0:
            return {}
        metrics = progress.metrics
        self._losses[trial] = metrics.get("token_loss", metrics["loss"])
        self._epochs[trial] = progress.epoch
        self.last = {EPOCHS: sum(self._epochs.values()), LOSS: mean(self._losses.values())}
        self._waits = True
        return self.last

    def wait(self) -> None:
        """Wait, in the group's thread, to be let go on.

        Raises:
            Stopped: instead of going on.
        """
        if not self._is_stopped:
            self._turns.acquire()
        if self._is_stopped:
            raise Stopped

    def let_go_on(self) -> None:
        """Let the group go on, if it waits."""
        if self._waits:
            self._waits = False
            self._turns.release()

    def stop(self) -> None:
        """Have the group end where it waits, or will wait."""
        self._is_stopped = True
        self._turns.release()
