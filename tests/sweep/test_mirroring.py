"""The writer of MLflow runs beside a sweep: what an outage costs, and a real server."""

import io
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mlflow.entities import ViewType
from mlflow.exceptions import INVALID_PARAMETER_VALUE, MlflowException
from mlflow.tracking import MlflowClient
from rich.console import Console

from foundry_bench.config.sweep import TrialConfig
from foundry_bench.errors import FoundryError
from foundry_bench.store import Store
from foundry_bench.sweep import mirroring as module
from foundry_bench.sweep.expand import expand
from foundry_bench.sweep.folder import Folder
from foundry_bench.sweep.group import run_group
from foundry_bench.sweep.mirroring import Mirroring
from foundry_bench.tracking import QUIET, mirror
from tests.cli.test_ui import is_healthy
from tests.sweep.planned_stages import plan, sweep_config


class Recorder:
    """Stands for MLflow: refuses while `is_down`, and keeps what it was told."""

    def __init__(self) -> None:
        self.is_down = False
        self.attempts = 0
        self.held: list[str] = []
        self.error: Exception = ConnectionError("refused\nby nobody")
        self.is_finished = False

    def __call__(self, folder: Folder, sweep: str, uri: str) -> "Recorder":
        self.attempts += 1
        self._answer()
        return self

    def write(self, identity: str) -> None:
        self._answer()
        if identity not in self.held:
            self.held.append(identity)

    def finish(self) -> None:
        self._answer()
        self.is_finished = True

    def _answer(self) -> None:
        if self.is_down:
            raise self.error


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    made = Recorder()
    monkeypatch.setattr(module, "Mirror", made)
    monkeypatch.setattr(module, "FIRST_WAIT_S", 0.01)
    return made


def until(condition: Callable[[], bool], limit_s: float = 20.0) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def folder_with(out: Path, *identities: str) -> Folder:
    for identity in identities:
        (out / "trials" / identity).mkdir(parents=True)
    return Folder(out)


def test_what_ends_during_an_outage_is_written_once_it_is_over(
    tmp_path: Path, recorder: Recorder
) -> None:
    console = Console(file=io.StringIO())
    with Mirroring(folder_with(tmp_path, "a"), "s", console) as mirroring:
        mirroring.put("a")
        until(lambda: recorder.attempts == 1)
        recorder.is_down = True
        for identity in ("b", "c"):
            folder_with(tmp_path, identity)
            mirroring.put(identity)
        until(lambda: recorder.attempts > 3)
        recorder.is_down = False
        assert mirroring.finish()
    assert sorted(recorder.held) == ["a", "b", "c"]
    assert recorder.is_finished


def test_an_outage_at_the_end_is_waited_for(tmp_path: Path, recorder: Recorder) -> None:
    recorder.is_down = True
    text = io.StringIO()
    with Mirroring(folder_with(tmp_path, "a"), "s", Console(file=text, width=300)) as mirroring:
        mirroring.put("a")
        until(lambda: recorder.attempts > 2)
        back = threading.Timer(0.3, lambda: setattr(recorder, "is_down", False))
        back.start()
        assert mirroring.finish()
        back.join()
    assert recorder.held == ["a"]
    assert "does not answer (ConnectionError: refused; waiting up to 60 s)" in text.getvalue()


def test_a_sweep_ends_without_mlflow_when_its_patience_does(
    tmp_path: Path, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.2)
    recorder.is_down = True
    text = io.StringIO()
    console = Console(file=text, width=300)
    with Mirroring(folder_with(tmp_path, "a"), "s", console) as mirroring:
        start = time.monotonic()
        assert not mirroring.finish()
    assert time.monotonic() - start < 3
    assert "does not hold all records (ConnectionError: refused); call the sweep again" in (
        text.getvalue()
    )
    assert f"foundry-bench mlflow sync {tmp_path}" in text.getvalue()


def test_a_server_that_hangs_does_not_hold_the_sweep(
    tmp_path: Path, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = threading.Event()
    monkeypatch.setattr(module, "PATIENCE_S", 0.2)
    monkeypatch.setattr(Recorder, "write", lambda self, identity: answer.wait(60))
    text = io.StringIO()
    console = Console(file=text, width=300)
    start = time.monotonic()
    with Mirroring(folder_with(tmp_path, "a"), "s", console) as mirroring:
        assert not mirroring.finish()
    assert time.monotonic() - start < 3
    assert "it was not done after 0 s" in text.getvalue()
    answer.set()


def test_a_record_that_cannot_be_read_is_not_waited_for(tmp_path: Path, recorder: Recorder) -> None:
    recorder.is_down, recorder.error = True, FoundryError("trial.json is cut short")
    console = Console(file=io.StringIO())
    start = time.monotonic()
    with Mirroring(folder_with(tmp_path, "a"), "s", console) as mirroring:
        assert not mirroring.finish()
    assert time.monotonic() - start < 3


def test_a_name_that_mlflow_refuses_again_is_not_waited_for(
    tmp_path: Path, recorder: Recorder
) -> None:
    recorder.is_down = True
    recorder.error = MlflowException("no such name", INVALID_PARAMETER_VALUE)
    text = io.StringIO()
    console = Console(file=text, width=300)
    start = time.monotonic()
    with Mirroring(folder_with(tmp_path, "a"), "s", console) as mirroring:
        assert not mirroring.finish()
    assert time.monotonic() - start < 3
    assert recorder.attempts >= 2
    assert "no such name" in text.getvalue()


class Server:
    """`mlflow server` on this machine, with a database and artifacts in `folder`."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port: int = probe.getsockname()[1]
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.uri = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        words = [
            *("-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self._port)),
            *("--backend-store-uri", f"sqlite:///{self._folder / 'server.db'}"),
            *("--artifacts-destination", (self._folder / "artifacts").as_uri()),
            *("--workers", "1"),
        ]
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *words],
                env={**os.environ, **QUIET},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until(lambda: is_healthy(self._port), 240)

    def kill(self) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(30)
            self._process = None


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    made = Server(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", made.uri)
    made.start()
    yield made
    made.kill()


def expect_runs(out: Path, uri: str, num_trials: int) -> None:
    """Every trial once, complete, under one parent, with its records as artifacts."""
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("planned")
    assert experiment is not None
    runs = list(client.search_runs([experiment.experiment_id]))
    (parent,) = [run for run in runs if run.data.tags["kind"] == "sweep"]
    trials = [run for run in runs if run.data.tags["kind"] == "trial"]
    assert sorted(run.data.tags["trial_id"] for run in trials) == Folder(out).identities()
    assert len(trials) == num_trials
    for run in trials:
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert run.info.status == "FINISHED"
        assert run.data.metrics["probe_accuracy"] > 0.5
        assert len(client.get_metric_history(run.info.run_id, "distill/loss")) == 2
        paths = {file.path for file in client.list_artifacts(run.info.run_id)}
        assert {"trial.json", "evaluate-probe"} <= paths
    assert parent.info.status == "FINISHED"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_server_that_is_killed_in_mid_sweep_and_comes_back_lacks_nothing(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 300.0)  # a busy machine is slow to start a server
    out = tmp_path / "out"
    sweep = sweep_config(axes={"student.supertokens": [1, 2, 4, 8]}, seeds=[0, 1, 2])
    trials, folder = expand(sweep, 2, 0), Folder(out)
    folder.adopt(sweep, trials)
    client = MlflowClient(server.uri)

    def num_runs() -> int:
        found = client.get_experiment_by_name("planned")
        return len(client.search_runs([found.experiment_id])) if found else 0

    with Mirroring(folder, sweep.name, Console(file=io.StringIO())) as mirroring:

        def run(some: list[TrialConfig]) -> None:
            for record in run_group(some, Store(out / "store"), out, lambda *_: None, plan):
                mirroring.put(record.trial)

        run(trials[:6])
        until(lambda: num_runs() >= 3, 120)
        server.kill()  # while the rest of the six is written
        run(trials[6:9])
        server.start()
        run(trials[9:])
        assert mirroring.finish()
    expect_runs(out, server.uri, 12)
    assert mirror(out) == 0
    (experiment,) = client.search_experiments(filter_string="name = 'planned'")
    removed = client.search_runs([experiment.experiment_id], "", ViewType.DELETED_ONLY)
    assert len(removed) <= 1  # the one that was being written


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_records_go_to_a_server_that_begins_anew(tmp_path: Path, server: Server) -> None:
    out = tmp_path / "out"
    run_group(expand(sweep_config(), 2, 0), Store(out / "store"), out, lambda *_: None, plan)
    assert mirror(out) == 4
    server.kill()
    with pytest.raises(FoundryError, match=r"does not take the records: .*\n.*call again"):
        mirror(out)
    (tmp_path / "server.db").unlink()
    server.start()
    assert mirror(out) == 4
    expect_runs(out, server.uri, 3)
