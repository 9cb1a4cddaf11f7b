"""`foundry-bench list`: what can be named in a sweep file."""

import json
from typing import Annotated, Any

import typer

from foundry_bench.cli.console import columns
from foundry_bench.errors import FoundryError
from foundry_bench.registries import ASSIGNMENTS, DATASETS, STUDENTS, TASKS, TEACHERS
from foundry_bench.registry import Registry, unknown

EXAMPLES = """\
foundry-bench list
foundry-bench list students
foundry-bench list assignments
foundry-bench list tasks --json
"""

_MAIN: tuple[Registry[Any], ...] = (TEACHERS, STUDENTS, TASKS, DATASETS)
_BY_KIND = {registry.kind: registry for registry in (*_MAIN, ASSIGNMENTS)}


def command(
    kind: Annotated[
        str | None,
        typer.Argument(
            help="teachers, students, tasks, datasets, or assignments (a student's part)."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """List what a sweep file can name: teachers, students, tasks, datasets, plug-ins included.

    Of tasks their protocols and results are told too, with the presets that name one together with
    a published dataset, and where its files are expected.
    """
    if kind is not None and kind not in _BY_KIND:
        raise FoundryError(unknown("kind", kind, list(_BY_KIND)))
    if kind == TASKS.kind:
        from foundry_bench.cli.tasks import show_tasks

        show_tasks(as_json=as_json)
        return
    if as_json:
        chosen: Any = (
            {registry.kind: _rows(registry) for registry in _MAIN}
            if kind is None
            else _rows(_BY_KIND[kind])
        )
        typer.echo(json.dumps(chosen, indent=1, ensure_ascii=False))
        return
    for registry in _MAIN if kind is None else (_BY_KIND[kind],):
        typer.echo(_block(registry))


def _rows(registry: Registry[Any]) -> list[dict[str, str]]:
    return [
        {"name": name, "summary": entry.summary, "origin": entry.origin, "target": entry.target}
        for name, entry in registry.entries.items()
    ]


def _block(registry: Registry[Any]) -> str:
    rows = ((row["name"], row["summary"]) for row in _rows(registry))
    return f"{registry.kind}\n{columns(rows)}"
