"""`foundry-bench data`: look at a dataset before hours are spent on it, and prepare it ahead."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError

from foundry_bench.config.faults import Fault, faults_of, render
from foundry_bench.config.source import Source, parse
from foundry_bench.errors import FoundryError
from foundry_bench.registries import DATASETS

if TYPE_CHECKING:
    from foundry_bench.data.check import Finding
    from foundry_bench.data.dataset import Dataset
    from foundry_bench.data.loader import DatasetLoader

EXAMPLES = """
foundry-bench data check shapes
foundry-bench data check archive --path mine.npz --set label=kind --set split=null
foundry-bench data check scanobjectnn --root /data --set variant=obj_bg
foundry-bench data prepare modelnet40 --root /data --store runs/store
"""
BAR_WIDTH = 30

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(help="Which dataset; see `foundry-bench list datasets`.")]
File = Annotated[Path | None, typer.Option("--path", help="The file, of datasets that read one.")]
Root = Annotated[
    Path | None,
    typer.Option(
        "--root",
        help="The folder that holds the published folder, of published datasets. "
        "Without it: $FOUNDRY_BENCH_DATA, else ./data.",
    ),
]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Any of the dataset's settings."),
]


@app.callback()
def describe() -> None:
    """Check a dataset, or prepare it ahead."""


@app.command()
def check(name: Name, path: File = None, root: Root = None, changes: Changes = None) -> None:
    """Print what a dataset holds against what is expected; exit code 1 if something is off."""
    loader = loader_from(name, path, root, changes or [])
    _show_publication(loader)
    dataset = loader.load(None)
    findings = loader.check(dataset)
    _show(dataset, findings)
    if any(finding.is_ok is False for finding in findings):
        raise typer.Exit(1)


@app.command()
def prepare(
    name: Name,
    store: Annotated[
        Path,
        typer.Option(
            help="The store of the sweeps that will use it: what they are given as --store, "
            "or, without, `store` in the folder they write to (runs/NAME/store)."
        ),
    ],
    path: File = None,
    root: Root = None,
    changes: Changes = None,
) -> None:
    """Read or generate a dataset into a store, so that sweeps start at once. Nothing is
    downloaded.
    """
    loader = loader_from(name, path, root, changes or [])
    _show_publication(loader)
    dataset = loader.load(store / "data")
    folder = store / "data" / dataset.fingerprint
    typer.echo(f"{len(dataset.points_NP3):,} clouds are ready in {folder}")


def loader_from(
    name: str, path: Path | None, root: Path | None, changes: Sequence[str]
) -> "DatasetLoader":
    """The dataset that options name.

    Raises:
        FoundryError: for an unknown dataset, or settings that it does not have.
    """
    loader = DATASETS.get(name)
    source = Source(f"data {name}")
    values: dict[str, Any] = {"name": name}
    if path is not None:
        values["path"], source.origins["path",] = str(path), "--path"
    if root is not None:
        values["root"], source.origins["root",] = str(root), "--root"
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals or not key:
            raise FoundryError(f"--set {change}: expected KEY=VALUE, such as label=kind")
        parsed = parse(text, "VALUE")
        if parsed.faults:
            messages = "; ".join(message for _, message in parsed.faults)
            raise FoundryError(f"--set {change}: {messages}")
        values[key], source.origins[key,] = parsed.value, f"--set {change}"
    try:
        return loader(loader.Settings.model_validate(values))
    except ValidationError as error:
        faults: list[Fault] = faults_of(error, loader.Settings, values)
        raise FoundryError(render(source.label, faults, source)) from error


def _show_publication(loader: "DatasetLoader") -> None:
    """Where a published dataset was found, where it is from, and its terms."""
    from foundry_bench.data.published import Published

    if isinstance(loader, Published):
        known = loader.publication
        lines = {
            "folder": str(loader.folder),
            "expected": known.layout,
            "from": known.source,
            "terms": known.terms,
        }
        for label, line in lines.items():
            typer.echo(f"{label + ':':9} {line}")


def _show(dataset: "Dataset", findings: "list[Finding]") -> None:
    from rich.table import Table

    from foundry_bench.cli.console import stdout
    from foundry_bench.data.check import class_counts

    verdicts = {True: "ok", False: "OFF", None: ""}
    console = stdout()
    table = Table(title=f"{dataset.name}: found against expected", title_justify="left")
    for header in ("what", "found", "expected", ""):
        table.add_column(header, overflow="fold")
    for finding in findings:
        table.add_row(finding.what, finding.found, finding.expected, verdicts[finding.is_ok])
    console.print(table)
    train, test = class_counts(dataset, "train"), class_counts(dataset, "test")
    most = max(1, int(train.max(initial=0)))
    histogram = Table(title="clouds a class", title_justify="left")
    histogram.add_column("class", overflow="fold")
    histogram.add_column("train", justify="right")
    histogram.add_column("test", justify="right")
    histogram.add_column("train", min_width=BAR_WIDTH)
    for label, of_train, of_test in zip(dataset.class_names, train, test, strict=True):
        bar = "█" * max(1 if of_train else 0, round(BAR_WIDTH * int(of_train) / most))
        histogram.add_row(label, str(of_train), str(of_test), bar)
    console.print(histogram)
