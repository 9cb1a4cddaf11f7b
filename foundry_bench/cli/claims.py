"""`foundry-bench claims`: whether what a paper says holds, from records alone."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foundry_bench.cli.report import RUNS, newest_run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from foundry_bench.report.claims.judge import Judged
    from foundry_bench.report.claims.verdicts import Ruling

EXAMPLES = """
foundry-bench claims runs/supertokens
foundry-bench claims runs/* --details
foundry-bench claims runs/mine --claims my_claims.yaml --strict
"""


def command(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="DIR", help="Output folders, searched for records; else the newest in ./runs."
        ),
    ] = None,
    claims: Annotated[
        Path | None,
        typer.Option("--claims", metavar="FILE", help="By default the claims of the paper."),
    ] = None,
    details: Annotated[
        bool, typer.Option("--details", help="Show every comparison, with its trials.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit code 1 if a claim fails.")] = False,
) -> None:
    """Judge the claims of the paper by the records in DIR: holds, fails, undecided (with the seeds
    that would decide), not applicable to these records, or not run.

    Where records are of something else than a claim speaks of, the same check is shown beside it.
    """
    from foundry_bench.report.claims.judge import judge_records, load_claims
    from foundry_bench.report.claims.show import claims_data
    from foundry_bench.report.records.harvest import read_folders

    judged, notes = judge_records(load_claims(claims), read_folders(folders or [newest_run(RUNS)]))
    if as_json:
        typer.echo(json.dumps(claims_data(judged), indent=1, ensure_ascii=False))
    else:
        _show(judged, details=details)
    for note in notes:
        typer.echo(f"! {note}", err=True)
    if strict and any(each.verdict == "fails" for each in judged):
        raise typer.Exit(1)


def _show(judged: "Sequence[Judged]", *, details: bool) -> None:
    from rich.box import MARKDOWN
    from rich.table import Table

    from foundry_bench.cli.console import stdout
    from foundry_bench.report.claims.show import EXPLANATION, claims_table

    shown = claims_table(judged)
    table = Table(box=MARKDOWN, title="claims", title_justify="left")
    for head in shown.header:
        if head != "sentence":
            table.add_column(head, no_wrap=head in ("claim", "verdict"))
    for claim, _, *others in shown.rows:
        table.add_row(claim.text, *(cell.text for cell in others))
    stdout().print(table)
    if details:
        for each in judged:
            typer.echo(f"{each.claim.id}: {each.claim.sentence} ({each.claim.place})")
            _detail(each.ruling, "")
            _detail(each.elsewhere, " elsewhere:")
    typer.echo(EXPLANATION)


def _detail(ruling: "Ruling | None", lead: str) -> None:
    for finding in ruling.findings if ruling else ():
        typer.echo(
            f"  -{lead} {finding.outcome}: {finding.what}: {finding.observed}; claimed:"
            f" {finding.asked}. {finding.place.text}. {', '.join(finding.trials)}"
        )
