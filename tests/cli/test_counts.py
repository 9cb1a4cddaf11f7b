from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from foundry_bench.cli import counts
from foundry_bench.cost import trials as module

app = typer.Typer()
app.command("trials")(counts.trials)


def test_a_folder_of_which_nothing_could_be_counted_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "count_trials", lambda folder: ([], ["foundry: no such teacher"]))
    result = CliRunner().invoke(app, [str(tmp_path)], catch_exceptions=False)
    assert result.exit_code == 1
    assert f"{tmp_path}: 0 backbones\n" in result.output
    assert "foundry-bench: foundry: no such teacher" in result.output
