"""The notebook runs from top to bottom on the committed records."""

import json
import warnings
from pathlib import Path

import matplotlib
import pytest

ROOT = Path(__file__).parents[1]
CELLS = [
    cell
    for cell in json.loads((ROOT / "notebooks" / "explore.ipynb").read_text())["cells"]
    if cell["cell_type"] == "code"
]


def test_every_cell_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "notebooks")
    matplotlib.use("Agg")
    space: dict[str, object] = {}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="FigureCanvasAgg is non-interactive")
        for cell in CELLS:
            exec("".join(cell["source"]), space)
    runs = space["runs"]
    assert {"teacher", "foundry"} <= set(runs["variant"])  # type: ignore[index]


def test_no_output_is_committed() -> None:
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in CELLS)
