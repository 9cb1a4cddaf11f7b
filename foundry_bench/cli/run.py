"""`foundry-bench run`: one trial, without Ray."""

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """\
foundry-bench run runs/supertokens/trials/foundry-s4-seed0-1a2b3c4d/trial.yaml --out runs/once
"""


def command(
    file: Annotated[
        Path, typer.Argument(help="A resolved trial, as a sweep saves it: trials/<id>/trial.yaml.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Output folder; runs/<sweep name> by default.")
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option(help="Where finished stages are kept and found; OUT/store by default."),
    ] = None,
) -> None:
    """Run one resolved trial in this process; the same trial gives the same numbers as in its
    sweep.

    Exit code 1 if it failed.
    """
    from rich.console import Console

    from foundry_bench.config.load import load_trial
    from foundry_bench.store import Store
    from foundry_bench.sweep.folder import Folder
    from foundry_bench.sweep.group import run_group
    from foundry_bench.sweep.planning import PLANNER, load_planner
    from foundry_bench.sweep.single import print_trial, shown_progress

    trial = load_trial(file)
    folder = Folder((out or Path("runs") / trial.sweep).absolute())
    folder.save(trial)
    console = Console(highlight=False)
    with shown_progress(console) as report:
        records = run_group(
            [trial],
            Store(store or folder.root / "store"),
            folder.root,
            report,
            load_planner(PLANNER),
        )
    print_trial(records[0], folder, console)
    raise typer.Exit(0 if records[0].status == "done" else 1)
