"""MLflow as a mirror: a real sqlite database, read back through MLflow's own client."""

import re
import shutil
from pathlib import Path

import pytest
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.dbmodels.initial_models import Base as InitialBase
from mlflow.tracking import MlflowClient

from foundry_bench.record import TrialRecord, read_json, write_json
from foundry_bench.store import Store
from foundry_bench.sweep.expand import expand
from foundry_bench.sweep.folder import Folder
from foundry_bench.sweep.group import run_group
from foundry_bench.tracking import connect, flatten, mirror, tracking_uri
from tests.sweep.planned_stages import plan, sweep_config


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once: the schema takes seconds."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    connect(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_database: Path) -> Path:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copyfile(empty_database, tmp_path / "mlflow.db")
    sweep = sweep_config(axes={"student.supertokens": [4, 13]})
    run_group(expand(sweep, 2, 0), Store(tmp_path / "store"), tmp_path, lambda *_: None, plan)
    return tmp_path


def runs(out: Path, condition: str) -> list[Run]:
    client = MlflowClient(tracking_uri(out))
    experiment = client.get_experiment_by_name("planned")
    assert experiment is not None
    return list(client.search_runs([experiment.experiment_id], condition))


def test_records_become_runs_once(out: Path) -> None:
    assert mirror(out) == 2
    assert mirror(out) == 0
    assert len(runs(out, "")) == 3

    (parent,) = runs(out, "tags.kind = 'sweep'")
    (done,) = runs(out, "params.student.supertokens = '4'")
    assert parent.info.run_name == "planned"
    tags = done.data.tags
    assert done.info.run_name == tags["trial_id"]
    assert (tags["sweep"], tags["role"], tags["variant"], tags["status"], tags["seed"]) == (
        "planned",
        "main",
        "foundry",
        "done",
        "0",
    )
    assert tags["mlflow.parentRunId"] == parent.info.run_id
    assert done.info.status == "FINISHED"
    assert done.data.params["train.distill.epochs"] == "2"
    assert done.data.params["tasks.probe.name"] == "probe"
    assert done.data.metrics["probe_accuracy"] == pytest.approx(0.54)
    assert done.data.metrics["distill_loss"] == pytest.approx(1 / 6)

    client = MlflowClient(tracking_uri(out))
    history = client.get_metric_history(done.info.run_id, "distill/loss")
    assert [(point.step, point.value) for point in history] == [(1, 1 / 5), (2, 1 / 6)]
    artifacts = {file.path for file in client.list_artifacts(done.info.run_id)}
    kinds = {re.sub(r"-[0-9a-f]{8}$", "", path) for path in artifacts}
    assert kinds == {"trial.json", "tokens", "distill", "evaluate-probe"}
    assert (out / "mlartifacts").is_dir()

    (failed,) = runs(out, "tags.status = 'failed'")
    assert failed.info.status == "FAILED"
    assert "thirteen" in failed.data.tags["error"]


def test_a_record_that_changes_replaces_its_run(out: Path) -> None:
    mirror(out)
    (failed,) = runs(out, "tags.status = 'failed'")
    path = out / "trials" / failed.data.tags["trial_id"] / "trial.json"
    record = read_json(path, TrialRecord)
    write_json(path, record.model_copy(update={"status": "oom", "error": "no memory"}))
    assert mirror(out) == 1
    (after,) = runs(out, f"tags.trial_id = '{record.trial}'")
    assert after.data.tags["status"] == "oom"
    assert len(runs(out, "tags.kind = 'trial'")) == 2


def test_a_run_cut_short_is_written_again(out: Path) -> None:
    mirror(out)
    client = MlflowClient(tracking_uri(out))
    (done,) = runs(out, "tags.status = 'done'")
    client.delete_tag(done.info.run_id, "records")
    assert mirror(out) == 1
    assert len(runs(out, "tags.status = 'done'")) == 1


def test_another_database_is_built_from_records_alone(
    out: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror(out)
    other = out / "other.db"
    shutil.copyfile(empty_database, other)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{other}")
    assert mirror(out) == 2
    found = runs(out, "tags.kind = 'trial'")
    assert {run.data.tags["status"] for run in found} == {"done", "failed"}
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert {run.info.run_id for run in found}.isdisjoint(
        run.info.run_id for run in runs(out, "tags.kind = 'trial'")
    )


def test_folders_of_one_sweep_name_leave_each_others_runs_alone(
    out: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{out / 'mlflow.db'}")
    other = tmp_path_factory.mktemp("other")
    for name in ("trials", "stages"):
        shutil.copytree(out / name, other / name)
    for path in other.glob("trials/*/trial.json"):
        write_json(path, read_json(path, TrialRecord).model_copy(update={"status": "oom"}))
    assert mirror(out) == mirror(other) == 2
    assert mirror(out) == mirror(other) == 0
    statuses = sorted(run.data.tags["status"] for run in runs(out, "tags.kind = 'trial'"))
    assert statuses == ["done", "failed", "oom", "oom"]


def test_a_folder_without_records_gives_nothing(tmp_path: Path) -> None:
    assert mirror(tmp_path) == 0
    assert not Folder(tmp_path).identities()
    assert not (tmp_path / "mlflow.db").exists()


def test_settings_are_flattened_under_stable_names() -> None:
    assert flatten(
        {"a": {"b": 1, "c": [1, 2], "d": None}, "tasks": [{"name": "probe", "x": True}]}
    ) == {
        "a.b": "1",
        "a.c": "[1, 2]",
        "a.d": "null",
        "tasks.probe.name": "probe",
        "tasks.probe.x": "true",
    }
    assert len(flatten({"a": "x" * 9000})["a"]) == 500


def test_the_filters_that_the_documentation_shows_find_runs(out: Path) -> None:
    mirror(out)
    text = (Path(__file__).parents[1] / "docs" / "mlflow.md").read_text()
    (block,) = re.findall(r"```text\n(.*?)```", text, re.DOTALL)
    filters = block.splitlines()
    assert len(filters) > 5
    for condition in filters:
        found = runs(out, condition)
        assert [run.data.params["student.supertokens"] for run in found if run.data.params], (
            condition
        )
    with pytest.raises(MlflowException, match="Invalid comparator"):
        runs(out, "params.student.supertokens > '1'")


def test_what_comparisons_need_is_among_the_parameters(out: Path) -> None:
    mirror(out)
    (done,) = runs(out, "params.student.supertokens = '4'")
    chosen = {name: done.data.params[name] for name in ("seed", "role", "variant")}
    assert chosen == {"seed": "0", "role": "main", "variant": "foundry"}


def test_a_database_is_made_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(engine: object) -> None:
        InitialBase.metadata.create_all(engine)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    path = tmp_path / "mlflow.db"
    with monkeypatch.context() as patched:
        patched.setattr("mlflow.store.db.utils._initialize_tables", killed)
        with pytest.raises(KeyboardInterrupt):
            connect(f"sqlite:///{path}")
    assert list(tmp_path.iterdir()) == []
    assert connect(f"sqlite:///{path}").search_experiments()
