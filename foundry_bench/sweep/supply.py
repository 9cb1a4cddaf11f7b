"""The groups of a sweep, in the order in which workers take them, and those that come again."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from foundry_bench.config.sweep import TrialConfig
from foundry_bench.record import Attempt, TrialRecord
from foundry_bench.sweep.expand import trial_id
from foundry_bench.sweep.grant import Grant
from foundry_bench.sweep.slots import Hold, Slots

if TYPE_CHECKING:
    from foundry_bench.sweep.search import Search

Group = list[TrialConfig]


@dataclass(frozen=True)
class Waiting:
    """A group that is to run.

    Attributes:
        times: how much of the usual share it gets.
        earlier: id of a trial -> what was tried before.
        losses: how many times a machine was lost with it.
    """

    trials: Sequence[TrialConfig]
    times: Literal[1, 2] = 1
    earlier: Mapping[str, Sequence[Attempt]] = field(default_factory=dict)
    losses: int = 0


@dataclass(frozen=True)
class Given:
    """A group that was given out: the `index`th, and what it holds."""

    index: int
    group: Waiting
    hold: Hold

    @property
    def trials(self) -> Sequence[TrialConfig]:
        """Its trials."""
        return self.group.trials

    @property
    def grant(self) -> Grant:
        """What its records say of it."""
        return Grant(
            share=self.hold.share, earlier=self.group.earlier, members=len(self.group.trials)
        )


def once_more(trial: TrialConfig, record: TrialRecord) -> Waiting:
    """A group of `trial` alone, which is due by its `record`, with twice the share."""
    assert record.share is not None, "a trial is due by its share"
    earlier = Attempt(status=record.status, error=record.error, share=record.share)
    return Waiting([trial], times=2, earlier={record.trial: [earlier]})


class Supply:
    """First the groups that are known, then those that a search suggests; before all, those that
    come again.

    Attributes:
        given: all that were given out, by index.
        search: None if the sweep has none.
        slots: where they run; what is learned of it on the way goes for the groups to come.
    """

    def __init__(
        self,
        known: Iterable[Group],
        search: "Search | None",
        slots: Slots,
        due: Iterable[Waiting] = (),
    ) -> None:
        """`due` are groups that come again in another call than that which gave them first."""
        self.given: list[Given] = []
        self.search = search
        self.slots = slots
        self._known = deque([*due, *(Waiting(group) for group in known)])
        self._out: set[int] = set()
        self._is_searched = search is None

    @property
    def num_trials(self) -> int:
        """Trials that were given out, each counted once."""
        return len({trial_id(trial) for given in self.given for trial in given.trials})

    @property
    def is_over(self) -> bool:
        """Whether all ended, and nothing will come any more."""
        return not self._known and not self._out and self._is_searched

    def has_any(self) -> bool:
        """Whether there is something to run; to be asked while nothing runs."""
        self._search()
        return bool(self._known)

    def known(self) -> list[TrialConfig]:
        """The trials that are known and were not given out."""
        return [trial for group in self._known for trial in group.trials]

    def take(self) -> Given | None:
        """The next group; None if there is none now, or no slot for it.

        Raises:
            FoundryError: if the search cannot go on.
        """
        if len(self._out) >= self.slots.now:
            return None
        self._search()
        if not self._known:
            return None
        group = self._known.popleft()
        given = Given(len(self.given), group, self.slots.hold(group.times))
        self.given.append(given)
        self._out.add(given.index)
        return given

    def is_out(self, index: int) -> bool:
        """Whether a group was given out and did not end."""
        return index in self._out

    def again(self, group: Waiting) -> None:
        """Have `group`, which was given out before, run before all others."""
        self._known.appendleft(group)

    def ended(self, index: int) -> None:
        """Note that a group ended; what has to run again was given to `again` before."""
        self._out.discard(index)

    def _search(self) -> None:
        """See to it that the next group is known, if there is one."""
        if self._known or self._is_searched or self.search is None:
            return
        found = self.search.next()
        if found:
            self._known.append(Waiting(found))
        self._is_searched = found == []
