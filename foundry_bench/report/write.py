"""The one place where the report writes files."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from foundry_bench.errors import FoundryError
from foundry_bench.files import replacing
from foundry_bench.report.assemble import Report, assemble
from foundry_bench.report.claims.judge import load_claims
from foundry_bench.report.claims.show import claims_lines, claims_table
from foundry_bench.report.figures.canvas import render
from foundry_bench.report.harvest import Evidence, read_folders, trial_id
from foundry_bench.report.page import folder_of, render_page
from foundry_bench.report.rows import write_csv
from foundry_bench.report.typeset import csv_text, latex_text, markdown_text

PAGE = "index.html"
RECORDS = "records"


def write_report(
    roots: Sequence[Path],
    out: Path | None = None,
    *,
    with_records: bool = False,
    claims: Path | None = None,
) -> tuple[Report, Path]:
    """Make the report on the records under `roots`.

    Args:
        roots: folders that are searched for records.
        out: where; by default `reports/<name of the sweep>` under the working directory.
        with_records: keep the records (and small arrays) in `<out>/records`, from which the report
            can be made again.
        claims: a file of claims to judge; by default the paper's.

    Returns:
        the report and the path of its page.

    Raises:
        FoundryError: if a root is not a folder, `claims` has faults or `out` cannot be written.
    """
    evidence = read_folders(roots)
    report = assemble(evidence, load_claims(claims))
    target = (
        out
        if out is not None
        else Path("reports") / (report.title.replace(" ", "") if report.sweeps else roots[0].name)
    )
    contents = build_files(report)
    try:
        for name, content in contents.items():
            with replacing(target / name) as temporary:
                temporary.write_bytes(content)
        if with_records:
            _copy_profiles(evidence, target / RECORDS)
            for name in evidence.names:
                folder = target / RECORDS / name if len(evidence.names) > 1 else target / RECORDS
                _copy_records(evidence.of_sweep(name), name, folder)
    except OSError as error:
        raise FoundryError(
            f"the report cannot be written to {target}: {error.strerror or error}"
        ) from error
    return report, target / PAGE


def build_files(report: Report) -> dict[str, bytes]:
    """Every file of the report by its path; the same report gives the same bytes."""
    table = claims_table(report.claims)
    contents: dict[str, bytes] = {
        "rows.csv": write_csv(report.rows).encode(),
        "claims.csv": csv_text(claims_lines(report.claims)).encode(),
        "claims.md": markdown_text(table).encode(),
        "claims.tex": latex_text(table).encode(),
    }
    for sweep in report.sweeps:
        folder = folder_of(report, sweep)
        contents[f"{folder}results.csv"] = csv_text(sweep.lines).encode()
        contents[f"{folder}results.md"] = markdown_text(sweep.table).encode()
        contents[f"{folder}results.tex"] = latex_text(sweep.table).encode()
        for extra in sweep.extras:
            base = f"{folder}{extra.name}"
            contents[f"{base}.csv"] = csv_text(extra.lines).encode()
            contents[f"{base}.md"] = "\n".join(map(markdown_text, extra.tables)).encode()
            contents[f"{base}.tex"] = "\n".join(map(latex_text, extra.tables)).encode()
        if sweep.info.yaml:
            contents[f"{folder}sweep.yaml"] = sweep.info.yaml.encode()
        for picture in sweep.pictures:
            base = f"{folder}figures/{picture.name}"
            contents[f"{base}.png"], contents[f"{base}.svg"] = render(picture.draw)
            contents[f"{base}.csv"] = csv_text(picture.lines).encode()
    contents[PAGE] = render_page(report, contents).encode()
    return contents


def _copy_records(evidence: Evidence, sweep: str, folder: Path) -> None:
    """Copy what the report used, in the layout of a sweep's output folder."""
    info = evidence.sweeps[sweep]
    said = {"schema_version": 1, "name": sweep, "question": info.question, "command": info.command}
    for name, text in (
        ("sweep.json", json.dumps(said, indent=1) + "\n"),
        ("sweep.yaml", info.yaml),
    ):
        with replacing(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    for trial in evidence.trials:
        source = evidence.folders[trial_id(trial)]
        for name in ("trial.json", "trial.yaml"):
            _copy(source / name, folder / "trials" / trial.trial / name)
    for key in evidence.records:
        for name in ("record.json", "arrays.npz"):
            _copy(evidence.folders[key] / name, folder / "stages" / key / name)


def _copy_profiles(evidence: Evidence, folder: Path) -> None:
    """Copy what no trial names: costs."""
    for record in evidence.profiles:
        source = evidence.folders[record.key] / "record.json"
        _copy(source, folder / "stages" / record.key / "record.json")


def _copy(source: Path, target: Path) -> None:
    if source.is_file() and source.resolve() != target.resolve():
        with replacing(target) as temporary:
            shutil.copyfile(source, temporary)
