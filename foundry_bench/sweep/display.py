"""One live table of trials on a terminal; elsewhere one line for each trial that ends."""

from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from foundry_bench.sweep.board import Board, Row
from foundry_bench.sweep.labels import Labels

MAX_ROWS = 24
STYLES = {
    "running": "cyan",
    "done": "green",
    "failed": "red",
    "oom": "red",
    "diverged": "red",
    "pruned": "yellow",
}


class Display(Protocol):
    """Shows a board while a sweep runs; a context manager."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""

    def ended(self, row: Row) -> None:
        """A trial ended."""


class Lines:
    """A line for each trial that ends: for logs and pipes."""

    def __init__(self, board: Board, console: Console) -> None:
        self._board = board
        self._console = console

    def __enter__(self) -> Self:
        """Nothing to begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing to stop."""

    def ended(self, row: Row) -> None:
        """Print the trial's line."""
        board = self._board
        numbers = {"loss": row.loss, **row.results}
        values = [text for name, value in numbers.items() if (text := _named(name, value))]
        labels = Labels(each.varies for each in board.rows.values())
        ended = f"{board.num_ended}/{board.num_trials}"
        words = [row.trial, row.state, label(row, labels), *values, ended]
        if board.left_s is not None:
            words.append(f"{clock(board.left_s)} left")
        line = "  ".join(words) + (f"  {first_line(row.error)}" if row.error else "")
        self._console.print(Text(line), soft_wrap=True)


class LiveTable:
    """A table that is redrawn in place."""

    def __init__(self, board: Board, console: Console) -> None:
        self._board = board
        self._live = Live(
            console=console,
            get_renderable=self._draw,
            refresh_per_second=2,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the table away."""
        self._live.stop()

    def ended(self, row: Row) -> None:
        """Nothing: the table is redrawn on its own."""

    def _draw(self) -> Group:
        return Group(
            header(self._board), table(visible(self._board), list(self._board.rows.values()))
        )


def display(board: Board, console: Console) -> Display:
    """The table on a terminal, lines elsewhere."""
    return LiveTable(board, console) if console.is_terminal else Lines(board, console)


def header(board: Board) -> Text:
    """How far the sweep is, in a line."""
    counts = board.counts
    failed = sum(counts[state] for state in ("failed", "oom", "diverged"))
    words = [
        f"{counts['done']}/{board.num_trials} done",
        *([f"{failed} failed"] if failed else []),
        f"{counts['running']} running on {board.slots} slots",
        f"{clock(board.elapsed_s)} elapsed",
        f"{clock(board.left_s)} left" if board.left_s is not None else "time left not known yet",
    ]
    return Text(" · ".join(words), style="bold")


def visible(board: Board) -> list[Row]:
    """The rows worth the room: those at work, that failed, ended, are next."""
    rows = list(board.rows.values())
    order = {
        "running": 0,
        "failed": 1,
        "oom": 1,
        "diverged": 1,
        "done": 2,
        "pruned": 2,
        "waiting": 3,
    }
    chosen = sorted(rows, key=lambda row: order[row.state])[:MAX_ROWS]
    shown = {row.trial for row in chosen}
    return [row for row in rows if row.trial in shown]


def table(rows: list[Row], of: list[Row]) -> Table:
    """A line for each of `rows`, some of the rows `of` a sweep; a column for each task."""
    labels = Labels(row.varies for row in of)
    columns = list(dict.fromkeys(name for row in of for name in row.results))
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("trial", "what", "state", "stage", "epoch"):
        drawn.add_column(name, no_wrap=True)
    for name in ("loss", *columns, "left"):
        drawn.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        drawn.add_row(
            row.trial,
            label(row, labels),
            Text(row.state, style=STYLES.get(row.state, "dim")),
            row.stage,
            f"{row.epoch}/{row.epochs}" if row.epochs else "",
            number(row.loss),
            *(number(row.results.get(name)) for name in columns),
            clock(row.left_s) if row.left_s is not None else "",
        )
    return drawn


def label(row: Row, labels: Labels) -> str:
    """What tells a trial from the others, short: `foundry supertokens=4 seed=0`."""
    return f"{labels.of(row.variant, row.varies)} seed={row.seed}"


def clock(seconds: float) -> str:
    """`75` -> `1:15`; hours where there are any."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def number(value: float | None) -> str:
    """Four significant digits, or nothing."""
    return "" if value is None else f"{value:.4g}"


def first_line(text: str) -> str:
    """`text` up to its first line break."""
    return text.splitlines()[0] if text else ""


def _named(name: str, value: float | None) -> str:
    return f"{name}={number(value)}" if value is not None else ""
