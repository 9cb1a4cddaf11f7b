"""`foundry-bench schema`: what a sweep file may contain, for editors."""

import json
from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """\
foundry-bench schema
foundry-bench schema --out sweeps/schema.json
"""


def command(
    out: Annotated[
        Path | None, typer.Option(help="Write here instead of printing.", show_default=False)
    ] = None,
) -> None:
    """Write the JSON schema of sweep files, with the settings of every registered class.

    An editor checks and completes a file that opens with
    # yaml-language-server: $schema=schema.json
    """
    from foundry_bench.config.sweep import SweepConfig
    from foundry_bench.files import replacing

    text = json.dumps(SweepConfig.model_json_schema(), indent=1, ensure_ascii=False) + "\n"
    if out is None:
        typer.echo(text, nl=False)
        return
    with replacing(out) as temporary:
        temporary.write_text(text, encoding="utf-8")
    typer.echo(f"wrote {out}")
