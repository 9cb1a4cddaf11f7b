import os
from pathlib import Path

import pytest
import typer
from mlflow.tracking import MlflowClient
from typer.testing import CliRunner

from foundry_bench.cli.report import command, newest_run
from foundry_bench.errors import FoundryError
from foundry_bench.tracking import tracking_uri
from tests.report.examples import ExampleSweep

app = typer.Typer()
app.command("report")(command)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _age(folder: Path, seconds: float) -> None:
    for path in folder.rglob("*.json"):
        os.utime(path, (seconds, seconds))


def test_without_folder_the_newest_run_is_reported() -> None:
    for name, seconds in (("older", 1000.0), ("newer", 3000.0), ("oldest", 10.0)):
        _age(ExampleSweep(Path("runs") / name, name).fill((0,)).out, seconds)

    result = CliRunner().invoke(app, [])

    assert result.exit_code == 0, result.output
    assert Path("reports/newer/index.html").is_file()
    assert not Path("reports/older").exists()
    assert "page: reports/newer/index.html" in result.output
    assert "Classification accuracy goes from s = 1" in result.output
    assert "! Only 1 seed" in result.output
    told = "claim near_the_teacher: not applicable (same check here: undecided)"
    assert told in result.output
    assert "claim latency_falls" not in result.output


def test_folder_and_output_can_be_given() -> None:
    ExampleSweep(Path("elsewhere"), "mine").fill((0,))

    result = CliRunner().invoke(app, ["elsewhere", "--out", "here", "--with-records"])

    assert result.exit_code == 0, result.output
    assert Path("here/index.html").is_file()
    assert Path("here/records/trials/foundry-s4-seed0/trial.json").is_file()


def test_no_run_is_the_users_error() -> None:
    with pytest.raises(FoundryError, match="no finished run in runs/"):
        newest_run(Path("runs"))


def artifacts(client: MlflowClient, run: str, path: str) -> set[str]:
    return {file.path.removeprefix(f"{path}/") for file in client.list_artifacts(run, path)}


@pytest.mark.timeout(600)
def test_a_tracked_report_lies_with_the_runs_of_its_sweeps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{Path('all.db').absolute()}")
    for name in ("one", "two"):
        ExampleSweep(Path("runs") / name, name).fill((0,))

    result = CliRunner().invoke(app, ["runs", "--out", "both", "--track"])

    assert result.exit_code == 0, result.output
    assert "files of the report are in sqlite://" in result.output
    client = MlflowClient(tracking_uri(Path("runs/one")))
    for name in ("one", "two"):
        experiment = client.get_experiment_by_name(name)
        assert experiment is not None
        (parent,) = client.search_runs([experiment.experiment_id], "tags.kind = 'sweep'")
        assert artifacts(client, parent.info.run_id, "report") == {"index.html", name}
        found = artifacts(client, parent.info.run_id, f"report/{name}")
        assert {"results.csv", "results.md", "results.tex", "figures"} <= found
        figures = artifacts(client, parent.info.run_id, f"report/{name}/figures")
        assert {Path(each).suffix for each in figures} == {".csv", ".png", ".svg"}
