"""MLflow as a mirror: a real sqlite database, read back through MLflow's own client."""

import json
import re
import shutil
from pathlib import Path

import pytest
from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from foundry_bench.record import TrialRecord, read_json, write_json
from foundry_bench.store import Store
from foundry_bench.sweep.expand import expand
from foundry_bench.sweep.folder import Folder
from foundry_bench.sweep.group import run_group
from foundry_bench.tracking import (
    connect,
    flatten,
    legal_name,
    mirror,
    original_tags,
    tracking_uri,
)
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
    assert mirror(out) == 3  # the sweep has one of its own
    assert mirror(out) == 0
    assert len(runs(out, "")) == 3

    (parent,) = runs(out, "tags.kind = 'sweep'")
    (done,) = runs(out, "params.student.supertokens = '4'")
    assert parent.info.run_name == "planned"
    tags = done.data.tags
    assert done.info.run_name == "foundry supertokens=4 seed=0"
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
    assert mirror(out) == 3
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
    assert mirror(out) == mirror(other) == 3
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
    def killed(client: MlflowClient, max_results: int) -> None:
        assert len(list(tmp_path.iterdir())) == 1
        raise KeyboardInterrupt

    path = tmp_path / "mlflow.db"
    with monkeypatch.context() as patched:
        patched.setattr(MlflowClient, "search_experiments", killed)
        with pytest.raises(KeyboardInterrupt):
            connect(f"sqlite:///{path}")
    assert list(tmp_path.iterdir()) == []
    assert connect(f"sqlite:///{path}").search_experiments()


NAMES = [
    "mug (with handle)",
    "a & b",
    "50 %",
    "a//b",
    "$x",
    "a\nb",
    "x" * 300,
    "../a",
    ".",
    "/a",
    "",
]


def test_refused_names_become_ones_that_mlflow_takes(tmp_path: Path, empty_database: Path) -> None:
    path = shutil.copyfile(empty_database, tmp_path / "mlflow.db")
    client = connect(f"sqlite:///{path}")
    run_id = client.create_run("0").info.run_id
    for name in NAMES:
        with pytest.raises(MlflowException):
            client.log_batch(run_id, metrics=[Metric(name, 1.0, 0, 0)])
    legal = [legal_name(name) for name in NAMES]
    originals = original_tags([*NAMES, "accuracy"])
    client.log_batch(
        run_id,
        metrics=[Metric(name, 1.0, 0, 0) for name in legal],
        params=[Param(name, "1") for name in legal],
        tags=[RunTag(name, value) for name, value in originals.items()],
    )
    data = client.get_run(run_id).data
    assert set(data.metrics) == set(data.params) == set(legal)
    assert {data.tags[f"original.{name}"] for name in legal} == set(NAMES)
    assert not {legal_name(name) for name in legal} & set(legal)


def test_different_names_stay_different() -> None:
    names = [*NAMES, "a (b", "a )b", "a _b", "x" * 299 + "y", "iou/mug", "probe_accuracy"]
    names += [legal_name(name) for name in names]
    assert len({legal_name(name) for name in names}) == len(set(names))
    assert [legal_name(name) for name in ("iou/mug", "tasks.probe.name")] == [
        "iou/mug",
        "tasks.probe.name",
    ]


def test_a_refused_metric_is_mirrored_with_its_name_in_a_tag(out: Path) -> None:
    (path, *_) = (out / "stages").glob("*/record.json")
    for path in (out / "stages").glob("*/record.json"):
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["stage"] == "evaluate":
            content["metrics"]["miou (mug)"] = 0.5
            path.write_text(json.dumps(content), encoding="utf-8")
    mirror(out)
    (done,) = runs(out, "tags.status = 'done'")
    name = legal_name("miou (mug)")
    assert done.data.metrics[name] == 0.5
    assert done.data.tags[f"original.{name}"] == "miou (mug)"


def test_a_deleted_run_of_the_sweep_is_made_again_with_its_trials(out: Path) -> None:
    mirror(out)
    client = MlflowClient(tracking_uri(out))
    (old,) = runs(out, "tags.kind = 'sweep'")
    client.delete_run(old.info.run_id)
    assert mirror(out) == 3
    (parent,) = runs(out, "tags.kind = 'sweep'")
    trials = runs(out, "tags.kind = 'trial'")
    assert parent.info.run_id != old.info.run_id
    assert [run.data.tags["mlflow.parentRunId"] for run in trials] == [parent.info.run_id] * 2


@pytest.mark.parametrize("tag", ["kind", "trial_id", "variant", "folder"])
def test_a_deleted_tag_comes_back(out: Path, tag: str) -> None:
    mirror(out)
    client = MlflowClient(tracking_uri(out))
    for run in runs(out, ""):
        if tag in run.data.tags:
            client.delete_tag(run.info.run_id, tag)
    mirror(out)
    assert len(runs(out, "tags.kind = 'sweep'")) == 1
    assert all(tag in run.data.tags for run in runs(out, "tags.kind = 'trial'"))
    assert len(runs(out, "")) == 3


def test_runs_that_lost_their_folder_are_found_again_by_their_other_tags(out: Path) -> None:
    mirror(out)
    client = MlflowClient(tracking_uri(out))
    before = {run.info.run_id: run.data.tags["folder"] for run in runs(out, "")}
    (parent,) = runs(out, "tags.kind = 'sweep'")
    trial, *_ = runs(out, "tags.kind = 'trial'")
    for lost in ([parent], [trial], runs(out, "")):
        for run in lost:
            client.delete_tag(run.info.run_id, "folder")
        assert mirror(out) == len(lost)
        assert {run.info.run_id: run.data.tags["folder"] for run in runs(out, "")} == before


def test_runs_of_others_are_not_taken_for_those_that_lost_their_folder(
    out: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{out / 'mlflow.db'}")
    other = tmp_path_factory.mktemp("other")
    for name in ("trials", "stages"):
        shutil.copytree(out / name, other / name)
    mirror(out)
    mirror(other)
    client = MlflowClient(tracking_uri(out))
    parent, *_ = runs(out, "tags.kind = 'sweep'")  # the latest: of `other`
    tags = {"mlflow.parentRunId": parent.info.run_id}
    client.create_run(parent.info.experiment_id, tags=tags, run_name="a note by hand")
    (lost,) = runs(out, f"{child_of(parent)} and tags.status = 'done'")
    client.delete_tag(lost.info.run_id, "folder")
    assert mirror(out) == 0
    assert mirror(other) == 1
    assert lost.info.run_id in {run.info.run_id for run in runs(out, child_of(parent))}
    assert len(runs(out, "")) == 7


def child_of(run: Run) -> str:
    return f"tags.mlflow.parentRunId = '{run.info.run_id}'"


@pytest.mark.parametrize("name", ["a%2Fb", "what?", "a#b", "a b", "it's", '"q"'])
def test_a_database_lies_in_its_folder_whatever_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, empty_database: Path
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    out = tmp_path / name
    out.mkdir()
    shutil.copyfile(empty_database, out / "mlflow.db")
    sweep = sweep_config(axes={"student.supertokens": [4]})
    run_group(expand(sweep, 2, 0), Store(tmp_path / "store"), out, lambda *_: None, plan)
    mirror(out)
    (run,) = runs(out, "tags.kind = 'trial'")
    assert (out / "mlartifacts" / run.info.run_id / "artifacts" / "trial.json").is_file()
    assert {path.name for path in tmp_path.iterdir()} == {name, "store"}
