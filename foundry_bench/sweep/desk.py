"""The driver's desk: what workers report goes to board, display, progress file and MLflow."""

import time
from collections.abc import Callable
from dataclasses import replace

from foundry_bench.record import Status, TrialRecord, write_json
from foundry_bench.stage import Progress
from foundry_bench.sweep.board import Board
from foundry_bench.sweep.display import Display
from foundry_bench.sweep.expand import trial_id
from foundry_bench.sweep.folder import PROGRESS, Folder, write_mapping
from foundry_bench.sweep.group import TRIAL, describe_trial
from foundry_bench.sweep.packing import Usage, groups_per_gpu
from foundry_bench.sweep.supply import Supply, Waiting, once_more

PROGRESS_EVERY_S = 1.0
MAX_LOSSES = 3
"""Machines that may be lost with one group: a group that brings them down is not given again."""


class Desk:
    """Listens to the engine.

    Attributes:
        ran: key -> seconds, of the stages that ran.
        usage: what a group used of a GPU; None if it was not measured.
    """

    def __init__(
        self,
        supply: Supply,
        folder: Folder,
        board: Board,
        display: Display,
        mirror: Callable[[str], None],
    ) -> None:
        """`mirror` is called with the id of each trial that ended."""
        self.ran: dict[str, float] = {}
        self.usage: Usage | None = None
        self._supply = supply
        self._folder = folder
        self._board = board
        self._display = display
        self._mirror = mirror
        self._written = 0.0
        self._is_changed = False

    def started(self, group: int) -> None:
        """A worker began with a group."""
        trials = self._supply.given[group].trials
        self._board.add(trials)
        for trial in trials:
            self._board.start(trial_id(trial))
        self._is_changed = True

    def progressed(self, trial: str, progress: Progress) -> None:
        """A trial got on."""
        self._board.progress(trial, progress)
        self._is_changed = True

    def measured(self, usage: Usage) -> None:
        """A group had a GPU to itself and used this of it: from now on as many as fit share one."""
        if self._supply.slots.is_unpacked:
            self.usage = usage
            self._supply.slots = self._supply.slots.packed(groups_per_gpu(usage))
            self._board.slots = self._supply.slots.now

    def ended(self, group: int, ran: dict[str, float]) -> None:
        """A group ended, having run these stages; what ran out of memory comes again, once, alone
        and with twice the share. A group ends once: its worker may end after it.
        """
        if not self._supply.is_out(group):
            return
        self.ran |= ran
        given, due = self._supply.given[group], []
        for trial in given.trials:
            record = self._folder.trial(trial_id(trial))
            if record is not None and record.retry_pending:
                due.append((trial, record))
            elif record is not None:
                self._end(record)
        for trial, record in reversed(due):
            self._folder.forget(trial)
            self._again(once_more(trial, record))
        self._supply.ended(group)

    def died(self, group: int, status: Status, cause: str) -> None:
        """A group ended early: its member that had not ended is recorded as `status`. Of several of
        them one ended the process, and nobody knows which: they come again each alone.
        """
        if not self._supply.is_out(group):
            return
        given = self._supply.given[group]
        left = [trial for trial in given.trials if self._folder.trial(trial_id(trial)) is None]
        if status == "failed" and len(left) > 1:
            for trial in reversed(left):
                self._again(replace(given.group, trials=[trial]))
        else:
            for trial in left:
                record = given.grant.stamp(describe_trial(trial, status, cause))
                write_json(self._folder.root / "trials" / record.trial / TRIAL, record)
        self.ended(group, {})

    def lost(self, group: int, cause: str) -> None:
        """The machine that a group was on was lost: its members that had not ended run elsewhere,
        and that is no failure of theirs.
        """
        if not self._supply.is_out(group):
            return
        given = self._supply.given[group]
        if given.group.losses >= MAX_LOSSES:
            self.died(group, "failed", f"{MAX_LOSSES + 1} times: {cause}")
            return
        left = [trial for trial in given.trials if self._folder.trial(trial_id(trial)) is None]
        if left:
            waiting = given.group
            self._again(Waiting(left, waiting.times, waiting.earlier, losses=waiting.losses + 1))
        self.ended(group, {})

    def tick(self) -> None:
        """Write the progress file if something changed, at most once a second."""
        now = time.monotonic()
        if self._is_changed and now - self._written >= PROGRESS_EVERY_S:
            self._written, self._is_changed = now, False
            write_mapping(self._folder.root / PROGRESS, self._board.snapshot())

    def _end(self, record: TrialRecord) -> None:
        row = self._board.end(record, self._folder.metrics(record), self._folder.results(record))
        self._display.ended(row)
        self._mirror(record.trial)
        self._is_changed = True

    def _again(self, group: Waiting) -> None:
        self._supply.again(group)
        for trial in group.trials:
            self._board.wait(trial_id(trial))
