"""`foundry-bench compare`: which numbers of two runs differ, and by how much."""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foundry_bench.errors import FoundryError

if TYPE_CHECKING:
    import pandas as pd

EXAMPLES = """\
foundry-bench compare runs/before runs/after
foundry-bench compare reports/gallery/supertokens new.jsonl.gz --strict
foundry-bench compare reports/gallery/baselines --between foundry kmeans_student
foundry-bench compare runs/before runs/after --all --json
"""


def command(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="A [B]", help="Two runs, report folders or packed files; one with --between."
        ),
    ],
    between: Annotated[
        tuple[str, str] | None,
        typer.Option("--between", metavar="VARIANT VARIANT", help="Two variants within A."),
    ] = None,
    everything: Annotated[
        bool,
        typer.Option("--all", help="All metrics, also those that rank nothing, and equal ones."),
    ] = False,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict", help="Exit code 1 if a result became worse beyond its interval, or is gone."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show which results changed from A to B, by how much, and whether beyond the 95 % interval.

    Trials are paired by seed where both sides have at least three seeds in common; other groups
    are compared over all of their seeds. A change is B minus A. Below three seeds there is no
    interval, and a change counts as within it.
    """
    from foundry_bench import results

    if len(folders) != (1 if between else 2):
        raise FoundryError(
            f"given {len(folders)} paths; give two runs, A B, or one with --between VARIANT VARIANT"
        )
    frames = [results.load(folder) for folder in folders]
    for folder, frame in zip(folders, frames, strict=True):
        if frame.empty:
            raise FoundryError(f"{folder} holds no trials; give the output folder of a sweep")
    found = (
        results.compare_variants(frames[0], *between)
        if between
        else results.compare_frames(frames[0], frames[1])
    )
    if not everything:
        found = found[_results(found)]
    changed = found[found["status"] != "same"]
    shown = found if everything else changed
    is_fall = (found["verdict"] == "worse") | (found["status"] == "removed")
    if as_json:
        lines = [{name: _plain(value) for name, value in row.items()} for row in _rows(shown)]
        typer.echo(json.dumps(lines, indent=1, ensure_ascii=False))
    else:
        _print(shown)
        typer.echo(_total(found))
    raise typer.Exit(1 if strict and is_fall.any() else 0)


def _results(found: "pd.DataFrame") -> list[bool]:
    """Mask of the metrics that answer a task, and of the distillation's."""
    from foundry_bench.results.metrics import is_result

    columns = zip(found["stage"], found["metric"], found["direction"], strict=True)
    return [
        is_result(stage, metric, direction) or metric in ("distill_loss", "heldout_nmse")
        for stage, metric, direction in columns
    ]


def _print(found: "pd.DataFrame") -> None:
    from rich.table import Table

    from foundry_bench.cli.console import stdout

    if found.empty:
        return
    table = Table()
    for name in ("group", "metric"):
        table.add_column(name)
    for name in ("A", "B", "change", "95 % interval", "n", ""):
        table.add_column(name, justify="right")
    for row in _rows(found):
        table.add_row(*_cells(row))
    stdout().print(table)


def _cells(row: dict[str, Any]) -> Iterable[str]:
    from foundry_bench.results.metrics import TASKS, scale_of

    scale, unit = scale_of(row["unit"])
    places = {"supertokens": "s", "budget": "budget", "gate_lambda": "λ"}
    levels = [
        f"{word} = {row[name]:g}" for name, word in places.items() if _plain(row[name]) is not None
    ]
    words = [*filter(None, (row.get("sweep"), row["series"] or row["variant"])), *levels]
    yield ", ".join(words)
    task = f"{row['task']}: " if row["task"] and row["task"] not in TASKS else ""
    yield f"{task}{row['label']}{f' ({unit})' if unit else ''}"
    for name in ("before", "after"):
        yield _number(scale * row[name])
    yield _number(scale * row["mean"], "+")
    is_bounded = math.isfinite(row["low"])
    low, high = (_number(scale * row[name], "+") for name in ("low", "high"))
    yield f"[{low}, {high}]" if is_bounded else ""
    yield f"{row['n']}{' paired' if row['num_pairs'] else ''}"
    is_constant = row["status"] == "changed" and row["is_beyond"] and not row["verdict"]
    yield row["verdict"] or ("beyond" if is_constant else row["status"].replace("changed", ""))


def _total(found: "pd.DataFrame") -> str:
    counts = found["status"].value_counts()
    parts = [f"{counts.get(name, 0)} {name}" for name in ("same", "changed", "added", "removed")]
    beyond = found["verdict"].value_counts()
    return (
        f"{len(found)} numbers: {', '.join(parts)}; beyond the interval:"
        f" {beyond.get('better', 0)} better, {beyond.get('worse', 0)} worse"
    )


def _rows(found: "pd.DataFrame") -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in found.to_dict("records")]


def _plain(value: Any) -> Any:
    """`value` for JSON, which has no NaN: None where it is missing."""
    import pandas as pd

    if pd.isna(value):
        return None
    return value.item() if hasattr(value, "item") else value


def _number(value: float, sign: str = "") -> str:
    return f"{value:{sign}.4g}" if math.isfinite(value) else ""
