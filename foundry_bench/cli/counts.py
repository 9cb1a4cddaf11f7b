"""`foundry-bench profile trials`: what the students of a sweep cost."""

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """\
foundry-bench profile trials runs/supertokens
foundry-bench profile trials runs/search runs/gate
"""


def trials(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR", help="Output folders of sweeps, runs/<sweep>.")
    ],
) -> None:
    """Count MACs and weights of each student that trials in DIR had, with its own settings.

    The records stay in DIR/stages, where `report` and `choose` find them. Exit code 1 if one could
    not be counted.
    """
    from foundry_bench.cost.trials import count_trials

    failures: list[str] = []
    for folder in folders:
        records, failed = count_trials(folder)
        failures += failed
        macs = [record.metrics["macs"] / 1e9 for record in records]
        span = f", {min(macs):.3g} to {max(macs):.3g} GMACs a cloud" if macs else ""
        typer.echo(f"{folder}: {len(records)} backbones{span}")
    for failure in failures:
        typer.echo(f"foundry-bench: {failure}", err=True)
    raise typer.Exit(1 if failures else 0)
