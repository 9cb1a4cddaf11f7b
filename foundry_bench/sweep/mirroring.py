"""Keeps MLflow up with a running sweep, from a thread: a slow server does not slow the sweep.

A server that goes away is asked again for as long as the sweep lasts, and all records are then
replayed: those whose runs are up to date cost nothing but a search, so nothing is lost and nothing
is written twice.
"""

import shlex
import threading
from queue import SimpleQueue
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.text import Text

from foundry_bench.errors import FoundryError
from foundry_bench.sweep.folder import Folder
from foundry_bench.tracking import Mirror, first_line, is_refusal, tracking_uri

PATIENCE_S = 60.0
"""How long the end of a sweep waits for MLflow, at most."""
LEAVING_S = 5.0
"""How long a sweep that is interrupted does."""
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 30.0
"""Between attempts while the sweep runs: each waits twice as long as the one before."""


class Mirroring:
    """The driver's writer of MLflow runs; a context manager."""

    def __init__(self, folder: Folder, sweep: str, console: Console) -> None:
        self._folder = folder
        self._sweep = sweep
        self._console = console
        self._uri = tracking_uri(folder.root)
        self._ended: SimpleQueue[str | None] = SimpleQueue()
        self._is_last = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="mlflow", daemon=True)
        self._error: Exception | None = None
        self._is_complete = False

    def __enter__(self) -> Self:
        """Begin; MLflow is not looked for before a trial ended, so that it does not take the time
        in which the first ones begin.
        """
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop soon; what is not mirrored yet is mirrored by the next call."""
        if not self._stop.is_set():
            self._end(LEAVING_S)

    def put(self, trial: str) -> None:
        """Have the record of `trial`, which ended, mirrored."""
        self._ended.put(trial)

    def finish(self) -> bool:
        """Wait until MLflow holds all records of the folder; returns whether it does."""
        self._is_last.set()
        self._ended.put(None)
        if self._error is not None:
            why = f"{first_line(self._error, self._uri)}; waiting up to {PATIENCE_S:.0f} s"
            self._tell(f"MLflow does not answer ({why})")
        self._thread.join(PATIENCE_S)
        self._end(0)
        if not self._is_complete:
            slow = f"it was not done after {PATIENCE_S:.0f} s"
            why = slow if self._error is None else first_line(self._error, self._uri)
            again = shlex.join(["foundry-bench", "mlflow", "sync", str(self._folder.root)])
            self._tell(
                f"MLflow does not hold all records ({why}); call the sweep again, or "
                f"`{again}`, to mirror the rest"
            )
        return self._is_complete

    def _end(self, wait_s: float) -> None:
        self._stop.set()
        self._is_last.set()
        self._ended.put(None)
        self._thread.join(wait_s)

    def _tell(self, text: str) -> None:
        self._console.print(Text(text, style="yellow"), soft_wrap=True)

    def _work(self) -> None:
        """Keep up; after an error begin anew, until the sweep has no more patience.

        Before a trial ended there is nothing to keep, and MLflow takes seconds to import.
        """
        self._ended.put(self._ended.get())
        wait_s = FIRST_WAIT_S
        while not self._stop.is_set():
            try:
                mirror = Mirror(self._folder, self._sweep, self._uri)
                wait_s = FIRST_WAIT_S
                self._keep_up(mirror)
                return
            except Exception as error:
                is_repeated = repr(error) == repr(self._error)
                self._error = error
            if self._is_last.is_set():
                if isinstance(self._error, FoundryError):
                    return  # a record cannot be read: time changes nothing
                if is_repeated and is_refusal(self._error):
                    return
                self._stop.wait(FIRST_WAIT_S)
                self._ended.put(None)  # the one there was may be taken
            else:
                self._is_last.wait(wait_s)
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    def _keep_up(self, mirror: Mirror) -> None:
        """Write all that has ended, then what ends, until there is no more to come."""
        for identity in self._folder.identities():
            if self._stop.is_set():
                return
            mirror.write(identity)
        self._error = None
        while (trial := self._ended.get()) is not None:
            if self._stop.is_set():
                return
            mirror.write(trial)
        if not self._stop.is_set():
            mirror.finish()
            self._is_complete = True
