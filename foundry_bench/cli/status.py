"""`foundry-bench status`: how far a sweep is, from another terminal or another day."""

import json
from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """\
foundry-bench status runs/supertokens
foundry-bench status runs/supertokens --json
"""


def command(
    directory: Annotated[Path, typer.Argument(help="The output folder of a sweep.")],
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show the trials of a sweep: how many ended how, what is running, the numbers of each."""
    from foundry_bench.sweep.status import render, status

    found = status(directory)
    if as_json:
        typer.echo(json.dumps(found, indent=1))
        return
    from foundry_bench.cli.console import stdout

    stdout().print(render(found))
