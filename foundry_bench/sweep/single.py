"""What a trial shows that runs alone."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.text import Text

from foundry_bench.record import TrialRecord
from foundry_bench.stage import Progress
from foundry_bench.sweep.display import clock, number
from foundry_bench.sweep.folder import Folder
from foundry_bench.sweep.group import GroupReport


@contextmanager
def shown_progress(console: Console) -> Iterator[GroupReport]:
    """A bar for each stage, with the epoch's numbers and the time left."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Bars(*columns, console=console) as bars:
        tasks: dict[str, TaskID] = {}

        def report(trial: str, progress: Progress) -> None:
            name = f"{progress.stage} {progress.task or ''}".strip()
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=None, note="")
            words = [
                f"{key} {number(value)}"
                for key, value in progress.metrics.items()
                if key != "epoch"
            ]
            if progress.left_s is not None:
                words.append(f"{clock(progress.left_s)} left")
            bars.update(
                tasks[name],
                completed=progress.epoch,
                total=progress.epochs or None,
                note="  ".join(words),
            )

        yield report


def print_trial(record: TrialRecord, folder: Folder, console: Console) -> None:
    """How the trial ended: its numbers, or the cause and where its log is."""
    console.print(Text(f"{record.trial}  {record.status}"), style="bold")
    for name, value in folder.metrics(record).items():
        console.print(Text(f"  {name}  {value:.6g}"))
    if record.error:
        console.print(Text(f"  {record.error}\n  log: {folder.log(record.trial)}"), soft_wrap=True)
