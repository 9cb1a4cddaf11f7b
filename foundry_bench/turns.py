"""Stages side by side in one process: each in a thread of its own, one at a time, in turns.

A training step is a turn. Nothing that a member computes depends on the others: its random state
and its clock stand still while they have theirs. What several of them need, such as a batch and the
teacher's tokens for it, is made once.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Generic, TypeVar, cast

T = TypeVar("T")

_here = threading.local()


def in_turns(
    members: Sequence[Callable[[], T]], turn: Callable[[int], None] = lambda number: None
) -> list[T | Exception]:
    """What each of `members` returns, or the exception that ended it, in their order.

    The others go on without a member that ended. An exception that is no `Exception` ends all of
    them, each when its turn comes, and is raised. `turn` is called with the number of the member
    whose turn it is from now on.
    """
    return _Round(members, turn).run()


def next_turn() -> None:
    """Let the other members have their turn; elsewhere than in a member do nothing."""
    if (member := _member()) is not None:
        member.pass_on()


def shared(word: str, make: Callable[[], T]) -> T:
    """What `make` returns: once for all members that ask for `word`; elsewhere made anew."""
    member = _member()
    if member is None:
        return make()
    made = member.round.made
    if word not in made:
        made[word] = make()
    return cast(T, made[word])


def clock() -> float:
    """Seconds, as `time.perf_counter`, in which it was this member's turn."""
    member = _member()
    return time.perf_counter() - (0.0 if member is None else member.waited_s)


def num_in_turns() -> int:
    """Members that take turns with this one, itself included; elsewhere 1."""
    member = _member()
    return 1 if member is None else member.round.num_going


class _Ended(BaseException):
    """Another member was interrupted."""


class _Round(Generic[T]):
    def __init__(self, members: Sequence[Callable[[], T]], turn: Callable[[int], None]) -> None:
        self.made: dict[str, Any] = {}
        self.turn = turn
        self.interruption: BaseException | None = None
        self._members = [_Member(self, number) for number in range(len(members))]
        self._work = members
        self._going = list(self._members)
        self._results: list[T | Exception | None] = [None] * len(members)

    def run(self) -> list[T | Exception]:
        threads = [
            threading.Thread(target=self._run_one, args=(member,), name=f"turn-{member.number}")
            for member in self._members
        ]
        for thread in threads:
            thread.start()
        if self._members:
            self._members[0].gate.release()
        for thread in threads:
            thread.join()
        if self.interruption is not None:
            raise self.interruption
        return cast("list[T | Exception]", self._results)

    @property
    def num_going(self) -> int:
        """Members that have not ended."""
        return len(self._going)

    def after(self, member: "_Member") -> "_Member":
        """Whose turn it is after that of `member`."""
        return self._going[(self._going.index(member) + 1) % len(self._going)]

    def _run_one(self, member: "_Member") -> None:
        _here.member = member
        with _kept_random_state():
            try:
                member.wait()
                if self.interruption is None:
                    self._results[member.number] = self._work[member.number]()
            except Exception as error:
                self._results[member.number] = error
            except _Ended:
                pass
            except BaseException as error:
                self.interruption = error
        following = self.after(member)
        self._going.remove(member)
        if following is not member:
            following.gate.release()


class _Member:
    def __init__(self, round_: _Round[Any], number: int) -> None:
        self.round = round_
        self.number = number
        self.gate = threading.Semaphore(0)
        self.waited_s = 0.0

    def wait(self) -> None:
        start = time.perf_counter()
        self.gate.acquire()
        self.waited_s += time.perf_counter() - start
        self.round.turn(self.number)

    def pass_on(self) -> None:
        following = self.round.after(self)
        if following is not self:
            with _kept_random_state():
                following.gate.release()
                self.wait()
        if self.round.interruption is not None:
            raise _Ended


def _member() -> _Member | None:
    return getattr(_here, "member", None)


@contextmanager
def _kept_random_state() -> Iterator[None]:
    """Torch's global random state is afterwards as it was."""
    import torch

    state = torch.get_rng_state()
    on_gpu = torch.cuda.get_rng_state() if torch.cuda.is_initialized() else None
    try:
        yield
    finally:
        torch.set_rng_state(state)
        if on_gpu is not None:
            torch.cuda.set_rng_state(on_gpu)
