"""Sweeps of the committed reports, and example sweeps, as figures get them."""

import io
from functools import cache
from pathlib import Path

import pandas as pd
from PIL import Image

from foundry_bench import results
from foundry_bench.report.plots.plot import Plot
from foundry_bench.report.plots.theme import render
from foundry_bench.report.sweep_results import SweepResults
from tests.results.gallery import GALLERY

DPI = 60


@cache
def gallery_sweep(name: str) -> SweepResults:
    return SweepResults.of(results.read(GALLERY / name), name)


def sweep_in(folder: Path, name: str = "example") -> SweepResults:
    return SweepResults.of(results.read(folder), name)


def published_figure(sweep: str, name: str) -> pd.DataFrame:
    return pd.read_csv(GALLERY / sweep / "figures" / f"{name}.csv")


def check_drawing(plot: Plot) -> None:
    """It draws at low resolution, is not empty, and has title, caption and data."""
    png, svg = render(plot.draw, DPI)
    image = Image.open(io.BytesIO(png))
    assert image.width == 3.5 * DPI
    assert len(image.getcolors(maxcolors=10**6) or []) > 50
    assert svg.startswith(b"<?xml")
    assert 0 < len(plot.title.split()) <= 8
    assert plot.caption.endswith(".")
    assert not plot.data.empty
