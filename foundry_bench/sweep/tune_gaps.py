"""What Ray Tune's loop does not do by itself, or need not do, for as long as it runs."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import ray
from ray.air._internal import usage
from ray.air.execution._internal import RayActorManager
from ray.exceptions import OutOfMemoryError, RayActorError
from ray.train._internal import storage
from ray.tune.execution import tune_controller


class KilledForMemory(RayActorError):
    """Ray killed the worker since its machine ran out of memory."""


@contextmanager
def filled_gaps() -> Iterator[None]:
    """While the block lasts, Tune takes a worker that was killed for its memory as one that died,
    where it would end the whole sweep; it runs in this process through Ray's client too, where it
    would look for a session of a Ray that is elsewhere; and it imports no MLflow to count who uses
    it, while the first workers wait for it.
    """
    with ExitStack() as stack:
        stack.enter_context(replaced(tune_controller, "RayActorManager", _Workers))
        stack.enter_context(replaced(usage, "tag_callbacks", lambda callbacks: False))
        if ray.util.client.ray.is_connected():  # type: ignore[no-untyped-call]
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="foundry-tune-"))
            stack.enter_context(replaced(storage, "_get_ray_train_session_dir", lambda: folder))
        yield


@contextmanager
def replaced(place: object, name: str, value: object) -> Iterator[None]:
    """The attribute `name` of a module or class is `value` while the block lasts."""
    was = getattr(place, name)
    setattr(place, name, value)
    try:
        yield
    finally:
        setattr(place, name, was)


class _Workers(RayActorManager):
    def _actor_task_failed(self, tracked_actor_task: Any, exception: Exception) -> None:
        if isinstance(exception, OutOfMemoryError):
            exception = KilledForMemory(error_msg=str(exception))
        super()._actor_task_failed(tracked_actor_task, exception)
