"""The one place where the report writes files."""

import json
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from matplotlib.figure import Figure

from foundry_bench.errors import FoundryError
from foundry_bench.files import replacing
from foundry_bench.report.assemble import Report, assemble
from foundry_bench.report.claims.judge import load_claims
from foundry_bench.report.claims.show import claims_lines, claims_table
from foundry_bench.report.figures.canvas import render
from foundry_bench.report.page import folder_of, render_page
from foundry_bench.report.records.harvest import Evidence, read_folders, trial_id
from foundry_bench.report.table import Line, Table, csv_text, latex_text, markdown_text
from foundry_bench.results.frame import write_csv

PAGE = "index.html"
RECORDS = "records"
FIGURES_A_PROCESS = 16
"""A process draws so many in the time that it takes to start, about."""


def write_report(
    roots: Sequence[Path],
    out: Path | None = None,
    *,
    with_records: bool = False,
    claims: Path | None = None,
    processes: int = 1,
) -> tuple[Report, Path]:
    """Make the report on the records under `roots`.

    Args:
        roots: folders that are searched for records.
        out: where; by default `reports/<name of the sweep>` under the working directory.
        with_records: keep the records (and small arrays) in `<out>/records`, from which the report
            can be made again.
        claims: a file of claims to judge; by default the paper's.
        processes: how many may draw figures, where there are many of those. With more than one the
            calling program's main module is imported again in each.

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
    contents = build_files(report, processes)
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


def build_files(report: Report, processes: int = 1) -> dict[str, bytes]:
    """Every file of the report by its path; the same report gives the same bytes."""
    draws: dict[str, Callable[[], Figure]] = {}
    claims = [claims_table(report.claims)], claims_lines(report.claims)
    contents = {"rows.csv": write_csv(report.rows).encode(), **_table_files("claims", *claims)}
    for sweep in report.sweeps:
        folder = folder_of(report, sweep)
        contents |= _table_files(f"{folder}results", [sweep.table], sweep.lines)
        for extra in sweep.extras:
            contents |= _table_files(f"{folder}{extra.name}", extra.tables, extra.lines)
        if sweep.info.yaml:
            contents[f"{folder}sweep.yaml"] = sweep.info.yaml.encode()
        for picture in sweep.pictures:
            base = f"{folder}figures/{picture.name}"
            contents[f"{base}.csv"] = csv_text(picture.lines).encode()
            draws[base] = picture.draw
    for base, (png, svg) in zip(draws, _render(list(draws.values()), processes), strict=True):
        contents[f"{base}.png"], contents[f"{base}.svg"] = png, svg
    contents[PAGE] = render_page(report, contents).encode()
    return contents


def _table_files(base: str, tables: Sequence[Table], lines: Sequence[Line]) -> dict[str, bytes]:
    return {
        f"{base}.csv": csv_text(lines).encode(),
        f"{base}.md": "\n".join(map(markdown_text, tables)).encode(),
        f"{base}.tex": "\n".join(map(latex_text, tables)).encode(),
    }


def _render(draws: Sequence[Callable[[], Figure]], processes: int) -> Sequence[tuple[bytes, bytes]]:
    useful = min(processes, len(draws) // FIGURES_A_PROCESS)
    if useful < 2:
        return [render(draw) for draw in draws]
    # Not by forking: the libraries below may have threads.
    with ProcessPoolExecutor(useful, mp_context=get_context("spawn")) as pool:
        return list(pool.map(render, draws))


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
