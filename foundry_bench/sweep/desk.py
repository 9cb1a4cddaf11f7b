"""The driver's desk: what workers report goes to board, display, progress file and MLflow."""

import time
from collections.abc import Callable, Sequence

from foundry_bench.config.sweep import TrialConfig
from foundry_bench.record import Status, TrialRecord, write_json
from foundry_bench.stage import Progress
from foundry_bench.sweep.board import Board
from foundry_bench.sweep.display import Display
from foundry_bench.sweep.expand import trial_id
from foundry_bench.sweep.folder import PROGRESS, Folder, write_mapping
from foundry_bench.sweep.group import TRIAL, describe_trial

PROGRESS_EVERY_S = 1.0


class Desk:
    """Listens to the engine.

    Attributes:
        ran: key -> seconds, of the stages that ran.
    """

    def __init__(
        self,
        groups: Sequence[Sequence[TrialConfig]],
        folder: Folder,
        board: Board,
        display: Display,
        mirror: Callable[[str], None],
    ) -> None:
        """`groups` may grow; `mirror` is called with the id of each trial that ended."""
        self.ran: dict[str, float] = {}
        self._groups = groups
        self._folder = folder
        self._board = board
        self._display = display
        self._mirror = mirror
        self._written = 0.0
        self._is_changed = False

    def started(self, group: int) -> None:
        """A worker began with a group."""
        self._board.add(self._groups[group])
        for trial in self._groups[group]:
            self._board.start(trial_id(trial))
        self._is_changed = True

    def progressed(self, trial: str, progress: Progress) -> None:
        """A trial got on."""
        self._board.progress(trial, progress)
        self._is_changed = True

    def ended(self, group: int, ran: dict[str, float]) -> None:
        """A group ended, having run these stages."""
        self.ran |= ran
        for trial in self._groups[group]:
            if record := self._folder.trial(trial_id(trial)):
                self._end(record)

    def died(self, group: int, status: Status, cause: str) -> None:
        """A group ended early: its members that had not ended are recorded as `status`."""
        for trial in self._groups[group]:
            identity = trial_id(trial)
            record = self._folder.trial(identity)
            if record is None:
                record = describe_trial(trial, status, cause)
                write_json(self._folder.root / "trials" / identity / TRIAL, record)
            self._end(record)

    def tick(self) -> None:
        """Write the progress file if something changed, at most once a second."""
        now = time.monotonic()
        if self._is_changed and now - self._written >= PROGRESS_EVERY_S:
            self._written, self._is_changed = now, False
            write_mapping(self._folder.root / PROGRESS, self._board.snapshot())

    def _end(self, record: TrialRecord) -> None:
        row = self._board.end(record, self._folder.metrics(record))
        self._display.ended(row)
        self._mirror(record.trial)
        self._is_changed = True
