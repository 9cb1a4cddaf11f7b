"""`foundry-bench mlflow`: the mirror of the records, made anew from them."""

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """
foundry-bench mlflow sync runs/supertokens
foundry-bench mlflow sync runs --uri http://tracking.example:5000
MLFLOW_TRACKING_URI=sqlite:///all.db foundry-bench mlflow sync runs/supertokens runs/gate
"""

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def describe() -> None:
    """Bring MLflow to what the records say; sweeps do so as they run, and `ui` shows it."""


@app.command()
def sync(
    folders: Annotated[
        list[Path],
        typer.Argument(metavar="DIR", help="Output folders of sweeps, or folders that hold some."),
    ],
    uri: Annotated[
        str | None,
        typer.Option(
            help="Server or database; else $MLFLOW_TRACKING_URI, else mlflow.db in each folder."
        ),
    ] = None,
) -> None:
    """Write the runs of all trials in DIR that MLflow lacks or has otherwise, and remove those
    without a record.

    After the database was deleted, all of them; called again, none.
    """
    from foundry_bench.sweep.folder import Folder, FolderBusy
    from foundry_bench.tracking import mirror, output_folders, shown, tracking_uri

    for out in dict.fromkeys(out for folder in folders for out in output_folders(folder)):
        folder = Folder(out.absolute())
        place = uri or tracking_uri(out)
        try:
            with folder.hold():
                written = mirror(out, place)
        except FolderBusy:
            typer.echo(f"{out}: another process is at work here: its runs come as they end")
            continue
        ended = len(list(folder.root.glob("trials/*/trial.json")))
        total = ended + 1 if ended else 0  # the sweep has a run of its own
        typer.echo(f"{out}: {written} of {total} runs written to {shown(place)}")
