"""What the engine makes of a worker's end in a cluster, without one."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray import cloudpickle
from ray.exceptions import RayActorError

from foundry_bench.sweep import ray_engine
from foundry_bench.sweep.ray_engine import _Bridge
from foundry_bench.sweep.tune_gaps import KilledForMemory
from foundry_bench.sweep.worker import GROUP, NODE


class Ear:
    """A listener that keeps what it heard of the end of groups."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []

    def died(self, group: int, status: str, cause: str) -> None:
        self.heard.append((group, status, cause))

    def lost(self, group: int, cause: str) -> None:
        self.heard.append((group, "lost", cause))


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """Node -> whether it is alive."""
    found = {"first": True, "second": True}
    monkeypatch.setattr(
        ray_engine.ray,
        "nodes",
        lambda: [{"NodeID": name, "Alive": alive} for name, alive in found.items()],
    )
    return found


def failed(tmp_path: Path, bridge: _Bridge, error: Exception, node: str | None = "second") -> None:
    file = tmp_path / "error.pkl"
    file.write_bytes(cloudpickle.dumps(error))
    trial = SimpleNamespace(config={GROUP: 3}, pickled_error_file=str(file))
    if node is not None:
        bridge.on_trial_result(0, [], trial, {"done": False, NODE: node})
    bridge.on_trial_error(0, [], trial)


def test_a_worker_that_ends_with_its_node_is_lost(tmp_path: Path, nodes: dict[str, bool]) -> None:
    ear = Ear()
    bridge = _Bridge(ear, is_cluster=True)  # type: ignore[arg-type]
    failed(tmp_path, bridge, RayActorError(error_msg="gone"))
    bridge.settle()
    assert ear.heard == [], "Ray may say a little later that the node is gone"
    nodes["second"] = False
    bridge.settle()
    assert ear.heard == [(3, "lost", "its machine left the cluster\ngone")]
    bridge.settle()
    assert len(ear.heard) == 1


def test_a_worker_that_died_by_itself_failed(
    tmp_path: Path, nodes: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    ear = Ear()
    monkeypatch.setattr(ray_engine, "LOSS_KNOWN_S", -1.0)
    bridge = _Bridge(ear, is_cluster=True)  # type: ignore[arg-type]
    nodes["first"] = False
    failed(tmp_path, bridge, RayActorError(error_msg="SIGKILL"))
    bridge.settle()
    assert ear.heard == [(3, "failed", "its worker process died\nSIGKILL")]


def test_a_worker_that_never_began_is_started_again(tmp_path: Path, nodes: dict[str, bool]) -> None:
    ear = Ear()
    bridge = _Bridge(ear, is_cluster=True)  # type: ignore[arg-type]
    failed(tmp_path, bridge, RayActorError(error_msg="gone"), node=None)
    bridge.settle()
    assert ear.heard == [(3, "lost", "its worker ended before it began\ngone")]


def test_without_a_cluster_a_dead_worker_is_a_failure_at_once(tmp_path: Path) -> None:
    ear = Ear()
    failed(tmp_path, _Bridge(ear, is_cluster=False), RayActorError(error_msg="gone"), node=None)  # type: ignore[arg-type]
    assert ear.heard == [(3, "failed", "its worker process died\ngone")]


def test_a_worker_that_was_killed_for_its_memory_says_no_more_than_that(tmp_path: Path) -> None:
    ear = Ear()
    error = KilledForMemory(error_msg="1 worker was killed\nwhat else runs here")
    failed(tmp_path, _Bridge(ear, is_cluster=True), error)  # type: ignore[arg-type]
    assert ear.heard == [(3, "oom", "its machine ran out of memory\n1 worker was killed")]
