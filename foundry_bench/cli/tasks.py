"""What `foundry-bench list tasks` tells: protocols, results, and where the data is expected."""

import json
from collections.abc import Sequence
from typing import Any

import typer

from foundry_bench.cli.console import columns
from foundry_bench.config.tasks import preset_names, read_preset
from foundry_bench.data.loader import loader_of
from foundry_bench.registries import TASKS

OF_SWEEP = "the sweep's"

Row = dict[str, Any]


def show_tasks(*, as_json: bool) -> None:
    """Print the tasks, and the presets of tasks."""
    tasks, presets = [*map(_of_task, TASKS)], [*map(_of_preset, preset_names())]
    if as_json:
        typer.echo(json.dumps([*tasks, *presets], indent=1, ensure_ascii=False))
        return
    _print("tasks", tasks, ("name", "protocol", "metrics", "summary"))
    typer.echo("")
    _print("presets of tasks", presets, ("name", "task", "protocol", "data", "expected"))


def _of_task(name: str) -> Row:
    task, entry = TASKS.get(name), TASKS.entries[name]
    return {
        "name": name,
        "task": name,
        "preset": None,
        "data": OF_SWEEP,
        "metrics": list(task.metrics),
        "protocol": task.protocol,
        "expected": "",
        "summary": entry.summary,
        "origin": entry.origin,
    }


def _of_preset(name: str) -> Row:
    values = read_preset(name)
    settings = TASKS.get(values["name"]).Settings.model_validate(values)
    data = settings.data
    return {
        **_of_task(settings.name),
        "name": name,
        "data": OF_SWEEP if data is None else data.name,
        "expected": "" if data is None else loader_of(data).expected,
        "preset": values["preset"],
    }


def _print(title: str, rows: Sequence[Row], names: Sequence[str]) -> None:
    typer.echo(title)
    typer.echo(columns([_text(row[name]) for name in names] for row in rows))


def _text(value: object) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)
