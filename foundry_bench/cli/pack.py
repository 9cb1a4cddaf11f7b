"""`foundry-bench pack`: all records of a run in one compact file."""

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """\
foundry-bench pack runs/supertokens
foundry-bench pack reports/gallery/real --out real.jsonl.gz --arrays
foundry-bench report supertokens.jsonl.gz --out reports/supertokens
"""


def command(
    folders: Annotated[
        list[Path],
        typer.Argument(metavar="DIR", help="Output folders of sweeps, or report folders."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="Ends in .jsonl.gz; by default <folder name>.jsonl.gz."
        ),
    ] = None,
    arrays: Annotated[
        bool,
        typer.Option("--arrays", help="Keep the arrays of clouds and gates beside it, as .npz."),
    ] = False,
) -> None:
    """Pack the records in DIR into one file that `report`, `compare` and `results.load` read.

    The same records give the same bytes. Weights and logs are left out.
    """
    from foundry_bench.results import pack, read
    from foundry_bench.results.packed import PACKED_SUFFIX

    found = read(*folders)
    target = out or Path(f"{folders[0].resolve().name}{PACKED_SUFFIX}")
    for path in pack(found, target, arrays=arrays):
        typer.echo(f"{path}: {path.stat().st_size / 1000:.0f} kB")
    typer.echo(
        f"{len(found.trials)} trials, {len(found.records)} stages, {len(found.profiles)} profiles"
    )
    for note in found.notes:
        typer.echo(f"  ! {note}")
