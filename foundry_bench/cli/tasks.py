"""What `foundry-bench list tasks` tells: protocols, results, and where the data is expected."""

import json

import typer

from foundry_bench.config.tasks import preset_names, read_preset
from foundry_bench.data.loader import loader_of
from foundry_bench.registries import TASKS

COLUMNS = ("name", "task", "data", "metrics", "protocol", "expected")
OF_SWEEP = "the sweep's"


def show_tasks(*, as_json: bool) -> None:
    """Print a line for each task and each preset of one."""
    rows = [*map(_of_task, TASKS), *map(_of_preset, preset_names())]
    if as_json:
        typer.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    widths = {column: max(len(row[column]) for row in rows) for column in COLUMNS}
    for row in ({column: column for column in COLUMNS}, *rows):
        typer.echo("  ".join(row[column].ljust(widths[column]) for column in COLUMNS).rstrip())


def _of_task(name: str) -> dict[str, str]:
    task = TASKS.get(name)
    return {
        "name": name,
        "task": name,
        "data": OF_SWEEP,
        "metrics": ", ".join(task.metrics),
        "protocol": task.protocol,
        "expected": "",
        "summary": TASKS.entries[name].summary,
        "origin": TASKS.entries[name].origin,
    }


def _of_preset(name: str) -> dict[str, str]:
    values = read_preset(name)
    task = TASKS.get(values["name"])
    settings = task.Settings.model_validate(values)
    data = settings.data
    return {
        **_of_task(settings.name),
        "name": name,
        "data": OF_SWEEP if data is None else data.name,
        "expected": "" if data is None else loader_of(data).expected,
        "preset": values["preset"],
    }
