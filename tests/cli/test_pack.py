from pathlib import Path

import pytest
from typer.testing import CliRunner

from foundry_bench.cli.main import app
from tests.cli.test_compare import fill


def invoke(*arguments: object) -> str:
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    return result.output


def test_a_packed_run_is_compared_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = fill(tmp_path / "run")

    said = invoke("pack", run)

    assert "run.jsonl.gz" in said
    assert "9 trials, 15 stages, 0 profiles" in said
    invoke("compare", run, "run.jsonl.gz", "--strict")
    invoke("report", "run.jsonl.gz", "--out", "packed")
    invoke("report", run, "--out", "unpacked")
    for name in ("rows.csv", "results.csv", "claims.csv"):
        assert (tmp_path / "packed" / name).read_text() == (
            tmp_path / "unpacked" / name
        ).read_text()


def test_nothing_to_pack_is_a_user_error(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["pack", str(tmp_path)]).exit_code == 2
