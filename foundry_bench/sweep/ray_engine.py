"""Ray Tune as the engine of a sweep: with the worker's, the only file that knows of Ray."""

import json
import logging
import math
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, cast

import ray
from ray import cloudpickle, tune
from ray.exceptions import OutOfMemoryError, RayActorError
from ray.tune.schedulers import AsyncHyperBandScheduler, MedianStoppingRule, TrialScheduler
from ray.tune.search import Searcher

from foundry_bench.errors import FoundryError
from foundry_bench.record import Status
from foundry_bench.stage import Progress
from foundry_bench.sweep.slots import Slots
from foundry_bench.sweep.watch import EPOCHS, LOSS
from foundry_bench.sweep.worker import GROUP, MEMBERS, Work, Worker

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_prestart_worker_first_driver": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",
}
"""For Ray's environment: no telemetry, loggers, snapshots, output or signal handlers of its own,
and no workers before they are asked for: Tune would not use them.
"""

OBJECT_STORE_BYTES = 100 * 2**20
"""Trials exchange files, not objects; small machines must hold it."""

MAX_TEMPORARY_CHARACTERS = 40
"""Ray's sockets lie up to 66 characters below its folder, and the path of a socket ends at 107."""


class Listener(Protocol):
    """Whom the engine tells what happens, in the driver."""

    def started(self, group: int) -> None:
        """A worker began with a group."""

    def progressed(self, trial: str, progress: Progress) -> None:
        """A trial got on."""

    def ended(self, group: int, ran: dict[str, float]) -> None:
        """A group ended, having run these stages (key -> seconds)."""

    def died(self, group: int, status: Status, cause: str) -> None:
        """A group's worker died, or the scheduler stopped the group."""

    def tick(self) -> None:
        """Time has passed; called several times a second."""


Supply = Callable[[], tuple[int, Sequence[str]] | None]
"""Gives the next group: its index, and its trials as JSON, none at the end; None: not yet. It may
raise FoundryError: the sweep cannot go on.
"""


@dataclass(frozen=True)
class Pruning:
    """Which groups are stopped early, by the running mean of their seeds' distillation losses.

    Attributes:
        epochs: of distillation, of all seeds of a group together, at most.
        grace: epochs before the first decision.
    """

    scheduler: Literal["asha", "median"]
    epochs: int
    grace: int

    def build(self) -> TrialScheduler:
        """Ray's scheduler; it stops a group, or lets it go on: it never pauses one."""
        if self.scheduler == "asha":
            return AsyncHyperBandScheduler(
                EPOCHS,
                LOSS,
                "min",
                max_t=self.epochs,
                grace_period=self.grace,
                reduction_factor=3,
                stop_last_trials=False,
            )
        never = cast(int, math.inf)
        return MedianStoppingRule(
            EPOCHS, LOSS, "min", grace_period=self.grace, min_time_slice=never
        )


def run_groups(
    work: Work,
    slots: Slots,
    listener: Listener,
    staging: Path,
    supply: Supply | None = None,
    pruning: Pruning | None = None,
) -> str | None:
    """Run the groups of `work`, or those of `supply`; `staging` is for Ray's own files, of which
    nothing is needed afterwards.

    On CPU a worker process goes on with the next group; on a GPU each group has a fresh process, so
    that its memory is back before the next starts.

    Returns:
        Why the sweep could not go on, or None if all groups ended.
    """
    bridge = _Bridge(listener)
    searcher = None if supply is None else _Searcher(supply, bridge)
    known = {GROUP: tune.grid_search(list(range(len(work.groups))))}
    tuner = tune.Tuner(
        tune.with_resources(tune.with_parameters(Worker, work=work), slots.share),
        param_space=known if searcher is None else {},
        tune_config=tune.TuneConfig(
            num_samples=1 if searcher is None else -1,
            search_alg=searcher,
            scheduler=None if pruning is None else pruning.build(),
            reuse_actors=slots.gpus == 0,
            trial_name_creator=_name,
            trial_dirname_creator=_name,
        ),
        run_config=tune.RunConfig(
            name="groups",
            storage_path=str(staging.absolute()),
            verbose=0,
            callbacks=[bridge],
            stop=_Stop(bridge),
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            failure_config=tune.FailureConfig(max_failures=0),
        ),
    )
    try:
        tuner.fit()
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return bridge.problem


@contextmanager
def started_ray(slots: Slots) -> Iterator[None]:
    """Ray on this machine for as long as the block lasts; what it writes goes with it.

    Workers can import what this process can. What is printed to `sys.stdout` meanwhile is dropped:
    Ray prints there.
    """
    os.environ.update(QUIET)
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    parent = tempfile.gettempdir()
    parent = (
        parent if len(parent) + len("/foundry-01234567") <= MAX_TEMPORARY_CHARACTERS else "/tmp"
    )
    temporary = tempfile.mkdtemp(prefix="foundry-", dir=parent)
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        try:
            ray.init(
                address="local",
                num_cpus=slots.count,
                num_gpus=slots.gpus,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.CRITICAL,
                object_store_memory=OBJECT_STORE_BYTES,
                _temp_dir=temporary,
            )
            yield
        finally:
            ray.shutdown()
            shutil.rmtree(temporary, ignore_errors=True)


class _Bridge(tune.Callback):
    """Translates Tune's events for the listener."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self.problem: str | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles its callbacks to restore itself, which is never asked of it here."""
        return {}

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        self._listener.tick()

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._listener.started(trial.config[GROUP])

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        group: int = trial.config[GROUP]
        if "ran" in result:
            self.problem = self.problem or result["problem"]
            self._listener.ended(group, json.loads(result["ran"]))
            return
        self._listener.progressed(result["trial"], Progress(**result["progress"]))
        if result["done"] and self.problem is None:
            where = f"{result[EPOCHS]} epochs of distillation at a loss of {result[LOSS]:.4g}"
            self._listener.died(group, "pruned", f"stopped after {where}, the seeds' mean")

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        error = _error(trial)
        status: Status = "oom" if isinstance(error, OutOfMemoryError) else "failed"
        what = (
            "its worker process died" if isinstance(error, RayActorError) else "its worker failed"
        )
        self._listener.died(trial.config[GROUP], status, f"{what}\n{error}".rstrip())


class _Searcher(Searcher):
    """Asks for a group whenever Tune has room for one."""

    def __init__(self, supply: Supply, bridge: _Bridge) -> None:
        super().__init__()
        self._supply = supply
        self._bridge = bridge

    def suggest(self, trial_id: str) -> dict[str, Any] | None:
        finished = cast(dict[str, Any], Searcher.FINISHED)
        try:
            found = self._supply()
        except FoundryError as error:
            self._bridge.problem = str(error)
            return finished
        if found is None:
            return None
        group, members = found
        return {GROUP: group, MEMBERS: list(members)} if members else finished

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """The records say how a group ended."""

    def save(self, checkpoint_path: str) -> None:
        """Tune keeps what a searcher knows, which is never asked of it here."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class _Stop(tune.Stopper):
    """Ends everything once a worker says that the sweep cannot go on."""

    def __init__(self, bridge: _Bridge) -> None:
        self._bridge = bridge

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        return self._bridge.problem is not None


def _error(trial: Any) -> Exception | None:
    """Why `trial` ended, from where Tune left it."""
    path = trial.pickled_error_file
    if path is None or not Path(path).exists():
        return None
    with Path(path).open("rb") as file:
        error = cloudpickle.load(file)
    return error if isinstance(error, Exception) else None


def _name(trial: Any) -> str:
    return f"group-{trial.config[GROUP]}"
