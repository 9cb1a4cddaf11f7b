"""What Tune's loop lacks, without a loop."""

from types import SimpleNamespace

from ray.air.execution._internal import RayActorManager
from ray.air.execution.resources import FixedResourceManager
from ray.exceptions import OutOfMemoryError
from ray.tune.execution import tune_controller

from foundry_bench.sweep.tune_gaps import KilledForMemory, filled_gaps


def test_a_worker_that_was_killed_for_its_memory_is_one_that_died() -> None:
    said: list[Exception] = []

    def hear(actor: object, error: Exception) -> None:
        said.append(error)

    actor = SimpleNamespace(actor_id=1, _on_error=hear)
    task = SimpleNamespace(_tracked_actor=actor, _on_error=hear)
    with filled_gaps():
        manager = tune_controller.RayActorManager(FixedResourceManager({"CPU": 1}))
        manager._cleanup_actor = lambda tracked_actor: None
        manager._actor_task_failed(task, OutOfMemoryError("memory on the node was at 96 %"))
    assert [type(error) for error in said] == [KilledForMemory] * 2
    assert str(said[0]) == "memory on the node was at 96 %"
    assert tune_controller.RayActorManager is RayActorManager
