"""What a sweep prints when it ends."""

import shlex
from collections.abc import Mapping, Sequence
from math import sqrt
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from foundry_bench.record import TrialRecord
from foundry_bench.sweep.display import clock, first_line, number
from foundry_bench.sweep.execution import Outcome
from foundry_bench.sweep.folder import Folder
from foundry_bench.sweep.labels import Labels

if TYPE_CHECKING:
    from foundry_bench.sweep.search import Found

SHOWN = ("distill_loss", "heldout_nmse")
"""What is shown after the tasks' main metrics."""
MIN_SEEDS = 3
"""Fewer say nothing about how far seeds scatter."""


def summary(outcome: Outcome, folder: Folder) -> Group:
    """Results over seeds, the cost of running them, failures and the next command."""
    parts: list[RenderableType] = [results(outcome.records, folder), ""]
    if outcome.found is not None:
        parts += [best(outcome.found), ""]
    parts.append(Text(cost(outcome)))
    if outcome.failures:
        parts += ["", failures(outcome.failures, folder), Text(retry_hint(outcome.failures))]
    parts += ["", Text(f"next: {shlex.join(['foundry-bench', 'report', shown_path(folder.root)])}")]
    return Group(*parts)


def results(records: Sequence[TrialRecord], folder: Folder) -> Table:
    """A line for each variant: mean over seeds ± half of the 95 % Student-t interval."""
    variants: dict[tuple[str, ...], list[Mapping[str, float]]] = {}
    labels = Labels(record.varies for record in records)
    columns = list(labels.columns.values())
    tasks: dict[str, None] = {}
    for record in records:
        if record.status == "done":
            values = labels.values(record.varies)
            line = (record.variant, *(values.get(name, "") for name in columns))
            found = folder.results(record)
            tasks |= dict.fromkeys(found)
            variants.setdefault(line, []).append(
                {**found, **{n: v for n, v in folder.metrics(record).items() if n in SHOWN}}
            )
    names = [
        name
        for name in (*tasks, *SHOWN)
        if any(name in seed for seeds in variants.values() for seed in seeds)
    ]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("variant", *columns):
        table.add_column(name, overflow="fold")
    for name in ("seeds", *names):
        table.add_column(name, justify="right", overflow="fold")
    for line, seeds in variants.items():
        shown = (over_seeds([seed[name] for seed in seeds if name in seed]) for name in names)
        table.add_row(*line, str(len(seeds)), *shown)
    return table


def best(found: "Found") -> Group:
    """The best suggestion of a search, or its front."""
    word = "front" if len(found.objectives) > 1 else "best"
    early = "" if found.suggestions == found.planned else f" of {found.planned}: no more were found"
    head = f"{word} of {found.suggestions} suggestions{early}, by {', '.join(found.objectives)}"
    lines = [
        "  "
        + "  ".join(f"{name}={number(value)}" for name, value in each.values.items())
        + f"  {dict(each.changes)}"
        for each in found.best
    ]
    return Group(Text(head, style="bold"), *map(Text, lines or ["  none ended well"]))


def over_seeds(values: Sequence[float]) -> str:
    """`0.912 ± 0.010`; the mean alone of fewer than three."""
    if not values:
        return ""
    if len(values) < MIN_SEEDS:
        return f"{mean(values):.4f}"
    from scipy.special import stdtrit

    half = float(stdtrit(len(values) - 1, 0.975)) * stdev(values) / sqrt(len(values))
    return f"{mean(values):.4f} ± {half:.4f}"


def cost(outcome: Outcome) -> str:
    """Time, and the share of it that was not spent in stages."""
    if not outcome.num_run:
        return f"nothing to run: {len(outcome.records)} trials had ended"
    ran = f"{outcome.num_run} trials in {clock(outcome.wall_s)} on {outcome.slots} slots"
    if outcome.overhead is None:
        return f"{ran}; no stage had to run"
    return f"{ran}; stages took {clock(outcome.stage_s)}, overhead {outcome.overhead:.1%}"


def failures(records: Sequence[TrialRecord], folder: Folder) -> Table:
    """A line for each failed trial: cause and log."""
    table = Table(box=None, pad_edge=False, header_style="bold red", show_edge=False)
    for name in ("failed trial", "status", "cause", "log"):
        table.add_column(name, overflow="fold")
    for record in records:
        cause = first_line(record.error or "")
        table.add_row(
            Text(record.trial), record.status, Text(cause), shown_path(folder.log(record.trial))
        )
    return table


def retry_hint(records: Sequence[TrialRecord]) -> str:
    """How to run failed trials again."""
    statuses = ",".join(sorted({record.status for record in records}))
    return f"failed trials are kept as they are; to run them again: --retry {statuses}"


def shown_path(path: Path) -> str:
    """`path` as short as it can be typed from here."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
