"""The groups of a sweep, in the order in which workers take them."""

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from foundry_bench.config.sweep import TrialConfig

if TYPE_CHECKING:
    from foundry_bench.sweep.search import Search

Group = list[TrialConfig]


class Supply:
    """First the groups that are known, then those that a search suggests.

    Attributes:
        taken: all that were given out, by index.
        search: None if the sweep has none.
    """

    def __init__(self, known: Iterable[Group], search: "Search | None") -> None:
        self.taken: list[Group] = []
        self.search = search
        self._known = deque(known)

    def has_any(self) -> bool:
        """Whether there is something to run; to be asked while nothing runs."""
        if not self._known and self.search is not None:
            found = self.search.next()
            assert found is not None, "a search waits for what runs alone"
            self._known += [found] if found else []
        return bool(self._known)

    def known(self) -> list[Group]:
        """What is known and was not given out."""
        return list(self._known)

    def take(self) -> tuple[int, list[str]] | None:
        """The next group: index, and trials as JSON; no trials at the end; None: not yet.

        Raises:
            FoundryError: if the search cannot go on.
        """
        if self._known:
            group: Group | None = self._known.popleft()
        else:
            group = self.search.next() if self.search is not None else []
        if group is None:
            return None
        index = len(self.taken)
        if group:
            self.taken.append(group)
        return index, [trial.model_dump_json() for trial in group]

    def take_all(self) -> list[Group]:
        """All groups that are known; their indices are their places."""
        self.taken += self._known
        self._known.clear()
        return list(self.taken)
