"""The report as one self-contained HTML page."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined

from foundry_bench.report.assemble import Report, SweepReport
from foundry_bench.report.claims.show import EXPLANATION, SAME_CHECK, evidence_text

_PACKAGE = "foundry_bench.report"
STYLES = ("page.css", "claims.css")


@dataclass(frozen=True)
class Drawn:
    """A picture as the page shows it; links are relative to the page."""

    name: str
    title: str
    caption: str
    alt: str
    data_uri: str
    png: str
    svg: str
    csv: str


@dataclass(frozen=True)
class Section:
    """One sweep on the page.

    Attributes:
        folder: where its files lie, relative to the page; empty or ending in a slash.
        anchor: what its headings' ids begin with.
    """

    report: SweepReport
    folder: str
    anchor: str
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
        evidence=evidence_text,
        sections=[_section(sweep, folder_of(report, sweep), images) for sweep in report.sweeps],
        css="".join((folder / name).read_text(encoding="utf-8") for name in STYLES),
        script=(folder / "page.js").read_text(encoding="utf-8"),
    )


def folder_of(report: Report, sweep: SweepReport) -> str:
    """Where the files of `sweep` lie: beside the page, or in a folder a sweep if there are"
    " several.
    """
    return f"{sweep.name}/" if len(report.sweeps) > 1 else ""


def _section(sweep: SweepReport, folder: str, images: Mapping[str, bytes]) -> Section:
    figures = []
    for picture in sweep.pictures:
        png, svg, csv = (
            f"{folder}figures/{picture.name}.{ending}" for ending in ("png", "svg", "csv")
        )
        uri = f"data:image/png;base64,{base64.b64encode(images[png]).decode()}"
        figures.append(
            Drawn(picture.name, picture.title, picture.caption, picture.alt, uri, png, svg, csv)
        )
    return Section(sweep, folder, f"{sweep.name}-", tuple(figures))
