"""Keeps MLflow up with a running sweep, from a thread: a slow server does not slow the sweep."""

import threading
from queue import SimpleQueue
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.text import Text

from foundry_bench.sweep.folder import Folder
from foundry_bench.tracking import Mirror, tracking_uri

PATIENCE_S = 60.0
"""How long the end of a sweep waits for MLflow."""


class Mirroring:
    """The driver's writer of MLflow runs; a context manager."""

    def __init__(self, folder: Folder, sweep: str, console: Console) -> None:
        self._folder = folder
        self._sweep = sweep
        self._console = console
        self._ended: SimpleQueue[str | None] = SimpleQueue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="mlflow", daemon=True)
        self._error: str | None = None
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
        self._stop.set()
        self._ended.put(None)
        self._thread.join(PATIENCE_S if error is None else 5.0)

    def put(self, trial: str) -> None:
        """Have the record of `trial`, which ended, mirrored."""
        self._ended.put(trial)

    def finish(self) -> bool:
        """Wait until MLflow holds all records of the folder; returns whether it does."""
        self._ended.put(None)
        self._thread.join(PATIENCE_S)
        if self._error or not self._is_complete:
            why = self._error or f"MLflow has not answered for {PATIENCE_S:.0f} s"
            text = (
                f"MLflow does not hold all records ({why}); call the sweep again to mirror the rest"
            )
            self._console.print(Text(text, style="yellow"), soft_wrap=True)
            return False
        return True

    def _work(self) -> None:
        self._ended.put(self._ended.get())
        try:
            mirror = Mirror(self._folder, self._sweep, tracking_uri(self._folder.root))
            for identity in self._folder.identities():
                if self._stop.is_set():
                    return
                mirror.write(identity)
            while (trial := self._ended.get()) is not None:
                mirror.write(trial)
            mirror.finish()
            self._is_complete = not self._stop.is_set()
        except Exception as error:
            self._error = f"{type(error).__name__}: {error}"
