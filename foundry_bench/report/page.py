"""The report as one self-contained HTML page."""

import base64
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined

from foundry_bench.report.assemble import Report
from foundry_bench.report.claims.show import EXPLANATION, SAME_CHECK, evidence_text
from foundry_bench.report.sections import Picture, SweepReport
from foundry_bench.report.table import Cell, Line, Table

MAX_LINES = 200
"""Of a figure's data, as many as the page itself shows."""

_PACKAGE = "foundry_bench.report"
STYLES = ("page.css", "claims.css")
_PNG_SIZE = slice(16, 24)
"""Where a PNG file says its width and height."""


@dataclass(frozen=True)
class Drawn:
    """A picture as the page shows it.

    Attributes:
        base: of its files, without their endings, relative to the page.
        width: of the image in pixels, so that nothing moves when it appears.
        data: the lines of its CSV, or the first of them.
    """

    picture: Picture
    base: str
    data_uri: str
    width: int
    height: int
    data: Table


@dataclass(frozen=True)
class Section:
    """One sweep on the page.

    Attributes:
        folder: where its files lie, relative to the page; empty or ending in a slash.
    """

    report: SweepReport
    folder: str
    figures: tuple[Drawn, ...]


def render_page(report: Report, images: Mapping[str, bytes]) -> str:
    """The page.

    Args:
        report: what is shown.
        images: PNG bytes by path relative to the page, one for each picture of `report`.
    """
    environment = Environment(
        loader=PackageLoader(_PACKAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    folder = files(_PACKAGE) / "templates"
    return environment.get_template("page.html.j2").render(
        report=report,
        explanation=EXPLANATION,
        same_check=SAME_CHECK,
        heading=heading_of(report),
        evidence=evidence_text,
        sections=[_section(sweep, folder_of(report, sweep), images) for sweep in report.sweeps],
        css="".join((folder / name).read_text(encoding="utf-8") for name in STYLES),
        script=(folder / "page.js").read_text(encoding="utf-8"),
    )


def heading_of(report: Report) -> str:
    """The names of the sections; of several sweeps their number."""
    sweeps = [section.name for section in report.sweeps if not section.commands]
    others = [section.name for section in report.sweeps if section.commands]
    told = [f"{len(sweeps)} sweeps"] if len(sweeps) > 1 else sweeps
    return " + ".join([*told, *others]) or report.title


def folder_of(report: Report, sweep: SweepReport) -> str:
    """Where the files of `sweep` lie: beside the page, or in a folder a sweep if there are"
    " several.
    """
    return f"{sweep.name}/" if len(report.sweeps) > 1 else ""


def _section(sweep: SweepReport, folder: str, images: Mapping[str, bytes]) -> Section:
    return Section(
        sweep, folder, tuple(_draw(picture, folder, images) for picture in sweep.pictures)
    )


def _draw(picture: Picture, folder: str, images: Mapping[str, bytes]) -> Drawn:
    base = f"{folder}figures/{picture.name}"
    image = images[f"{base}.png"]
    width, height = struct.unpack(">II", image[_PNG_SIZE])
    uri = f"data:image/png;base64,{base64.b64encode(image).decode()}"
    return Drawn(picture, base, uri, width, height, data_table(picture.lines))


def data_table(lines: Sequence[Line]) -> Table:
    """What a figure shows, four digits a number; its CSV has all lines and digits."""
    header = tuple(dict.fromkeys(key for line in lines for key in line))
    shown = lines[:MAX_LINES]
    first_number = (
        index
        for index, key in enumerate(header)
        if any(isinstance(line.get(key), int | float) for line in shown)
    )
    rows = tuple(tuple(_cell(line.get(key, "")) for key in header) for line in shown)
    left_out = f"The first {MAX_LINES} of {len(lines)} lines. " if len(lines) > MAX_LINES else ""
    return Table(
        header,
        rows,
        f"{left_out}Four digits of each number; the CSV has them all.",
        next(first_number, len(header)),
    )


def _cell(value: object) -> Cell:
    if isinstance(value, float) and not math.isfinite(value):
        return Cell("", math.nan)
    if isinstance(value, float):
        return Cell(f"{value:.4g}", value)
    return Cell(
        "" if value is None else str(value), value if isinstance(value, int) else str(value)
    )
