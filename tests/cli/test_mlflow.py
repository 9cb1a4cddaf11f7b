"""The mirror made anew, as typed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from mlflow.tracking import MlflowClient
from typer.testing import CliRunner

from foundry_bench.cli.main import app
from foundry_bench.store import Store
from foundry_bench.sweep.expand import expand
from foundry_bench.sweep.folder import Folder
from foundry_bench.sweep.group import run_group
from foundry_bench.tracking import tracking_uri
from tests.sweep.planned_stages import plan, sweep_config

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def typed(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def ran(out: Path, *supertokens: int) -> Path:
    sweep = sweep_config(axes={"student.supertokens": list(supertokens)})
    trials = expand(sweep, 2, 0)
    Folder(out.absolute()).adopt(sweep, trials)
    run_group(trials, Store(out / "store"), out.absolute(), lambda *_: None, plan)
    return out


def content(uri: str) -> list[Any]:
    """All that MLflow holds, but for ids and times."""
    client = MlflowClient(uri)
    found = []
    for experiment in client.search_experiments(filter_string="name != 'Default'"):
        runs = client.search_runs([experiment.experiment_id])
        names = {run.info.run_id: run.info.run_name for run in runs}
        for run in runs:
            tags = {**run.data.tags}
            tags["parent"] = names.get(tags.pop("mlflow.parentRunId", ""), "")
            history = [
                (point.key, point.step, point.value)
                for name in sorted(run.data.metrics)
                for point in client.get_metric_history(run.info.run_id, name)
            ]
            paths = sorted(file.path for file in client.list_artifacts(run.info.run_id))
            what = (experiment.name, run.info.run_name, run.info.status)
            found.append((*what, tags, run.data.params, history, paths))
    return sorted(found, key=lambda each: each[:2])


def typed_elsewhere(*words: str | Path) -> str:
    """What a process of its own prints: this one goes on with a database that it has open."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    line = [sys.executable, "-m", "foundry_bench", *map(str, words)]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def content_of_copy(out: Path, name: str) -> list[Any]:
    shutil.copyfile(out / "mlflow.db", name)
    return content(f"sqlite:///{Path(name).absolute()}")


def test_a_database_that_was_deleted_is_built_again_as_it_was() -> None:
    out = ran(Path("runs/a"), 1, 13)
    assert "runs/a: 3 of 3 runs written to sqlite:///" in typed_elsewhere("mlflow", "sync", out)
    before = content_of_copy(out, "before.db")
    assert len(before) == 3
    assert "runs/a: 0 of 3 runs written" in typed_elsewhere("mlflow", "sync", "runs")
    (out / "mlflow.db").unlink()
    assert "runs/a: 3 of 3 runs written" in typed_elsewhere("mlflow", "sync", out)
    assert content_of_copy(out, "after.db") == before


def test_several_folders_go_to_one_place_and_stay_apart() -> None:
    for name, supertokens in (("a", 1), ("b", 2)):
        ran(Path("runs") / name, supertokens)
    uri = f"sqlite:///{Path('all.db').absolute()}"
    result = typed("mlflow", "sync", "runs", "--uri", uri)
    assert result.exit_code == 0, result.output
    assert len(content(uri)) == 4
    assert not list(Path("runs").glob("*/mlflow.db"))


def test_runs_without_a_record_and_runs_of_a_lost_answer_are_removed() -> None:
    out = ran(Path("runs/a"), 1, 2)
    typed("mlflow", "sync", out)
    before = content(tracking_uri(out))
    client = MlflowClient(tracking_uri(out))
    (experiment,) = client.search_experiments(filter_string="name = 'planned'")
    runs = client.search_runs([experiment.experiment_id], "tags.kind = 'trial'")
    for tags in ({}, {"trial_id": "one that was never heard of"}):
        copied = {name: runs[0].data.tags[name] for name in ("kind", "folder", "trial_id")}
        client.create_run(experiment.experiment_id, tags={**copied, **tags}, run_name="lost")
    assert len(content(tracking_uri(out))) == 5
    assert "0 of 3 runs written" in typed("mlflow", "sync", out).output
    assert content(tracking_uri(out)) == before


def test_an_experiment_that_was_deleted_is_restored() -> None:
    out = ran(Path("runs/a"), 1)
    typed("mlflow", "sync", out)
    before = content(tracking_uri(out))
    client = MlflowClient(tracking_uri(out))
    (experiment,) = client.search_experiments(filter_string="name = 'planned'")
    client.delete_experiment(experiment.experiment_id)
    assert typed("mlflow", "sync", out).exit_code == 0
    assert content(tracking_uri(out)) == before


def test_a_folder_at_work_is_left_to_its_sweep() -> None:
    out = ran(Path("runs/a"), 1)
    with Folder(out.absolute()).hold():
        result = typed("mlflow", "sync", out)
    assert result.exit_code == 0
    assert "another process is at work here" in result.output
    assert not (out / "mlflow.db").exists()


def test_what_goes_wrong_is_said_in_words() -> None:
    assert "holds no trials" in typed("mlflow", "sync", ".").stderr
    out = ran(Path("runs/a"), 1)
    result = typed("mlflow", "sync", out, "--uri", "http://me:secret@127.0.0.1:1")
    assert result.exit_code == 2
    assert "MLflow at http://127.0.0.1:1 does not take the records: " in result.stderr
    assert "call again" in result.stderr
    assert "secret" not in result.stderr
