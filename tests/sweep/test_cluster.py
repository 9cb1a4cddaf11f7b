"""Sweeps on a cluster of two nodes, both on this machine."""

import io
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from ray.cluster_utils import Cluster
from rich.console import Console
from typer.testing import CliRunner

from foundry_bench.cli.main import app
from foundry_bench.config.load import dump_yaml
from foundry_bench.config.sweep import SweepConfig
from foundry_bench.sweep.execution import Call, run_sweep
from foundry_bench.sweep.expand import expand
from foundry_bench.sweep.folder import Folder
from foundry_bench.sweep.ray_start import joined
from foundry_bench.sweep.slots import Slots
from tests.sweep.planned_stages import sweep_config
from tests.sweep.waiting_stages import PLANNER, PROCESS, REMOVED
from tests.trials import TIMES, trial_config

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Two nodes of one CPU; what Ray writes, its default address too, is of this test alone."""
    folder = tempfile.mkdtemp(prefix="fb-", dir="/tmp")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", folder)
        made = Cluster(True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        made.add_node(num_cpus=1)
        try:
            yield made
        finally:
            made.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


def typed(*words: str | Path) -> Result:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output + result.stderr
    return result


def numbers(out: Path) -> dict[str, list[Any]]:
    """All that two runs of a trial must agree in, by trial."""
    folder = Folder(out)
    found: dict[str, list[Any]] = {}
    for identity in folder.identities():
        record = folder.trial(identity)
        assert record is not None
        assert record.status == "done", record.error
        found[identity] = [
            (
                stage.key,
                stage.metrics,
                [{name: line[name] for name in line.keys() - TIMES} for line in stage.history],
            )
            for stage in folder.stages(record)
        ]
    return found


def test_a_trial_gives_the_same_numbers_alone_in_a_sweep_and_on_a_cluster(
    files: Path, tmp_path: Path, cluster: Cluster
) -> None:
    trial = trial_config(files)
    sweep = SweepConfig(
        name="same",
        question="Does it matter where a trial runs?",
        axes={"student.supertokens": [2, 4]},
        seeds=(0,),
        resources={"device": "cpu", "threads": 1},  # type: ignore[arg-type]
        baselines={"teacher": False, "not_distilled": False, "scratch": False},  # type: ignore[arg-type]
        **{name: getattr(trial, name) for name in ("teacher", "student", "data", "tasks", "train")},
    )
    file = tmp_path / "same.yaml"
    file.write_text(dump_yaml(sweep))
    typed("sweep", file, "--out", tmp_path / "cluster", "--address", cluster.address)
    on_cluster = numbers(tmp_path / "cluster")
    assert len(on_cluster) == 2
    assert not list((tmp_path / "cluster").rglob(".driver-*"))

    # In a process of its own: a Ray of this process would have it ask for tokens from then on.
    local = [sys.executable, "-m", "foundry_bench", "sweep", file, "--out", tmp_path / "local"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(local, env=environment, check=True, capture_output=True)
    assert numbers(tmp_path / "local") == on_cluster

    for identity in on_cluster:
        resolved = tmp_path / "cluster" / "trials" / identity / "trial.yaml"
        typed("run", resolved, "--out", tmp_path / "alone")
    assert numbers(tmp_path / "alone") == on_cluster


def test_a_node_that_leaves_costs_no_trial(tmp_path: Path, cluster: Cluster) -> None:
    sweep = sweep_config(axes={"student.supertokens": [1, 2, 3, 4]})
    trials, store = expand(sweep, 2, 0), tmp_path / "store"
    (node,) = cluster.worker_nodes
    remover = threading.Thread(target=_remove, args=(cluster, node, store))
    remover.start()
    with joined(cluster.address) as machines:
        assert [machine.cpus for machine in machines] == [1, 1]
        slots = Slots(2, per_machine=1)
        call = Call(sweep, trials, tmp_path, store, slots, planner=PLANNER, is_joined=True)
        outcome = run_sweep(call, Console(file=io.StringIO()))
    remover.join()

    assert [record.status for record in outcome.records] == ["done"] * 4
    assert outcome.num_run == 4
    assert all(record.earlier_attempts == [] for record in outcome.records)
    logs = [tmp_path / "trials" / record.trial / "log.txt" for record in outcome.records]
    assert sorted(log.read_text().count("began") for log in logs) == [1, 1, 1, 2]


def _remove(cluster: Cluster, node: Any, store: Path) -> None:
    """Take `node` away as soon as both nodes are at work, and let the other go on after that."""
    until = time.monotonic() + 200
    while len(found := list(store.glob(f"partial/*/{PROCESS}"))) < 2 and time.monotonic() < until:
        time.sleep(0.05)
    at_work = [Path("/proc") / path.read_text() / "cmdline" for path in found]
    cluster.remove_node(node, allow_graceful=False)
    while all(path.exists() and path.read_bytes() for path in at_work):
        assert time.monotonic() < until, "the workers outlive their node"
        time.sleep(0.05)
    (store / REMOVED).touch()
