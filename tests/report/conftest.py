from collections.abc import Callable
from pathlib import Path

import pytest

from tests.report.examples import ExampleSweep, simple_clouds


@pytest.fixture
def make_sweep(tmp_path: Path) -> Callable[..., ExampleSweep]:
    """Makes an empty example sweep under a name."""

    def make(name: str = "example", folder: str = "runs") -> ExampleSweep:
        return ExampleSweep(tmp_path / folder / name, name)

    return make


@pytest.fixture
def full_sweep(make_sweep: Callable[..., ExampleSweep]) -> ExampleSweep:
    """The whole example sweep, with painted clouds."""
    sweep = make_sweep().fill()
    sweep.paint(*simple_clouds())
    return sweep
