"""A progress bar for what turns out to take long."""

import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import Progress

T = TypeVar("T")


def watched(portions: Sequence[T], label: str, after_s: float = 3.0) -> Iterator[T]:
    """`portions`, with a bar on a terminal's stderr if they take more than `after_s` seconds."""
    start = time.monotonic()
    bar = Progress(console=Console(stderr=True), transient=True)
    task = bar.add_task(label, total=len(portions))
    is_shown = False
    try:
        for portion in portions:
            yield portion
            bar.advance(task)
            if not is_shown and bar.console.is_terminal and time.monotonic() - start > after_s:
                bar.start()
                is_shown = True
    finally:
        if is_shown:
            bar.stop()
