"""Two things that Ray Tune's loop does not do by itself, put in for as long as it runs."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any

import ray
from ray.air.execution._internal import RayActorManager
from ray.exceptions import OutOfMemoryError, RayActorError


class KilledForMemory(RayActorError):
    """Ray killed the worker since its machine ran out of memory."""


@contextmanager
def filled_gaps() -> Iterator[None]:
    """While the block lasts, Tune takes a worker that was killed for its memory as one that died,
    where it would end the whole sweep; and it runs in this process through Ray's client too, where
    it would look for a session of a Ray that is elsewhere.
    """
    with ExitStack() as stack:
        stack.enter_context(
            _replaced("ray.tune.execution.tune_controller", "RayActorManager", _Workers)
        )
        if ray.util.client.ray.is_connected():  # type: ignore[no-untyped-call]
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="foundry-tune-"))
            stack.enter_context(
                _replaced(
                    "ray.train._internal.storage", "_get_ray_train_session_dir", lambda: folder
                )
            )
        yield


@contextmanager
def _replaced(module: str, name: str, value: object) -> Iterator[None]:
    place = import_module(module)
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
