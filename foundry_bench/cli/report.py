"""`foundry-bench report`: every figure and table, from records alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foundry_bench.errors import FoundryError

if TYPE_CHECKING:
    from foundry_bench.report.assemble import Report

EXAMPLES = """
foundry-bench report
foundry-bench report runs/supertokens
foundry-bench report runs/real --out reports/gallery/real --with-records
foundry-bench report runs/supertokens --track
foundry-bench report supertokens.jsonl.gz --out reports/supertokens
"""
RUNS = Path("runs")


def command(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="DIR",
            help="Output folders, searched for records, or packed files; else the newest in"
            " ./runs.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="Where to write; by default reports/<sweep name>."
        ),
    ] = None,
    with_records: Annotated[
        bool,
        typer.Option("--with-records", help="Keep the records beside the page, in <out>/records."),
    ] = False,
    track: Annotated[
        bool,
        typer.Option("--track", help="Log page, figures and tables to the sweep's run in MLflow."),
    ] = False,
    claims: Annotated[
        Path | None,
        typer.Option(
            "--claims", metavar="FILE", help="Claims to judge; by default those of the paper."
        ),
    ] = None,
) -> None:
    """Write figures, tables and one page on the records in DIR; by default on the newest run.

    Needs no GPU. The same records give the same files, byte for byte.
    """
    from foundry_bench.provenance import num_cores
    from foundry_bench.report.claims.show import SAME_CHECK
    from foundry_bench.report.write import write_report
    from foundry_bench.results.packed import unpacked

    roots = folders or [newest_run(RUNS)]
    with unpacked(roots) as unpacked_roots:
        report, page = write_report(
            unpacked_roots,
            out,
            with_records=with_records,
            claims=claims,
            processes=num_cores(),
        )
    for judged in report.claims:
        if judged.shown is not None:
            elsewhere = f" ({SAME_CHECK}: {judged.shown.outcome})" if judged.ruling is None else ""
            typer.echo(f"claim {judged.claim.id}: {judged.verdict}{elsewhere}")
    for sweep in report.sweeps:
        typer.echo(f"{sweep.name}: {sweep.info.question}".removesuffix(": "))
        for statement in sweep.statements:
            typer.echo(f"  - {statement}")
    notes = [*report.notes, *(note for sweep in report.sweeps for note in sweep.notes)]
    for note in notes:
        typer.echo(f"  ! {note}")
    typer.echo(f"page: {page}")
    if track:
        track_report(roots, report, page)


def track_report(roots: Sequence[Path], report: "Report", page: Path) -> None:
    """Make the written `report` artifacts of the runs of its sweeps: for each the page, its figures
    and its tables.

    Raises:
        FoundryError: if a sweep is at work in one of the folders; or MLflow refuses, or does not
            answer.
    """
    from foundry_bench.report.page import folder_of
    from foundry_bench.sweep.folder import Folder
    from foundry_bench.tracking import log_report, output_folders, shown, sweep_name, tracking_uri

    places = {sweep.name: page.parent / folder_of(report, sweep) for sweep in report.sweeps}
    for out in dict.fromkeys(out for root in roots for out in output_folders(root)):
        folder = Folder(out.absolute())
        place = places.get(sweep_name(folder) or "")
        if place is None:
            continue
        of_sweep = (path for where in (place, place / "figures") for path in where.glob("*.*"))
        files = {page, *(path for path in of_sweep if path.is_file())}
        with folder.hold():
            count = log_report(out, page.parent, sorted(files))
        typer.echo(f"{out}: {count} files of the report are in {shown(tracking_uri(out))}")


def newest_run(runs: Path) -> Path:
    """The folder in `runs` whose sweep or trials ended last.

    Raises:
        FoundryError: if none has a sweep.json or a trial.json.
    """
    ended: dict[Path, float] = {}
    for folder in sorted(runs.iterdir()) if runs.is_dir() else []:
        signs = [folder / "sweep.json", *folder.glob("trials/*/trial.json"), folder / "trial.json"]
        times = [sign.stat().st_mtime for sign in signs if sign.is_file()]
        if times:
            ended[folder] = max(times)
    if not ended:
        raise FoundryError(
            f"no finished run in {runs}/; give the output folder of a sweep, or start with"
            " foundry-bench sweep sweeps/supertokens.yaml"
        )
    return max(ended, key=lambda folder: ended[folder])
