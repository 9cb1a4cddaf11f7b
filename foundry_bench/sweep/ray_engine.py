"""Ray Tune as the engine of a sweep: it runs groups, and says what becomes of them."""

import json
import math
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, cast

import ray
from ray import cloudpickle, tune
from ray.exceptions import RayActorError
from ray.tune.schedulers import AsyncHyperBandScheduler, MedianStoppingRule, TrialScheduler
from ray.tune.search import Searcher

from foundry_bench.errors import FoundryError
from foundry_bench.record import Status
from foundry_bench.stage import Progress
from foundry_bench.sweep.packing import Usage
from foundry_bench.sweep.supply import Given, Supply
from foundry_bench.sweep.tune_gaps import KilledForMemory, filled_gaps
from foundry_bench.sweep.watch import EPOCHS, LOSS
from foundry_bench.sweep.worker import GRANT, GROUP, MEMBERS, NODE, RESOURCES, Work, Worker

LOSS_KNOWN_S = 15.0
"""How long after a worker's end Ray may take to say that it ended with its whole machine."""


class Listener(Protocol):
    """Whom the engine tells what happens, in the driver."""

    def started(self, group: int) -> None:
        """A worker began with a group."""

    def progressed(self, trial: str, progress: Progress) -> None:
        """A trial got on."""

    def measured(self, usage: Usage) -> None:
        """A group had a GPU to itself, and used this of it."""

    def ended(self, group: int, ran: dict[str, float]) -> None:
        """A group ended, having run these stages (key -> seconds)."""

    def died(self, group: int, status: Status, cause: str) -> None:
        """A group's worker died, or the scheduler stopped the group."""

    def lost(self, group: int, cause: str) -> None:
        """The machine that a group was on left the cluster."""

    def tick(self) -> None:
        """Time has passed; called several times a second."""


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
    supply: Supply,
    listener: Listener,
    staging: Path,
    pruning: Pruning | None = None,
) -> str | None:
    """Run the groups of `supply` on the Ray that is connected; `staging` is for Ray's own files, of
    which nothing is needed afterwards.

    On CPU a worker process goes on with the next group; on a GPU each group has a fresh process, so
    that its memory is back before the next starts.

    Returns:
        Why the sweep could not go on, or None if all groups ended.
    """
    bridge = _Bridge(listener, is_cluster=work.mark is not None)
    worker = tune.with_resources(tune.with_parameters(Worker, work=work), _resources)
    try:
        with filled_gaps():
            tune.run(
                worker,
                num_samples=-1,
                search_alg=_Searcher(supply, bridge),
                scheduler=None if pruning is None else pruning.build(),
                reuse_actors=supply.slots.gpus == 0,
                trial_name_creator=_name,
                trial_dirname_creator=_name,
                name="groups",
                storage_path=str(staging.absolute()),
                verbose=0,
                callbacks=[bridge],
                stop=_Stop(bridge),
                raise_on_failed_trial=False,
                _remote=False,
            )
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return bridge.problem


@dataclass(frozen=True)
class _End:
    """A worker's end that may be that of its machine.

    Attributes:
        node: None if the group had not begun.
        until: when it counts as the worker's own.
    """

    group: int
    node: str | None
    cause: str
    until: float


class _Bridge(tune.Callback):
    """Translates Tune's events for the listener."""

    def __init__(self, listener: Listener, *, is_cluster: bool) -> None:
        self.problem: str | None = None
        self._listener = listener
        self._is_cluster = is_cluster
        self._nodes: dict[int, str] = {}
        self._ends: list[_End] = []

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles its callbacks to restore itself, which is never asked of it here."""
        return {}

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        self.settle()
        self._listener.tick()

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._listener.started(trial.config[GROUP])

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        group: int = trial.config[GROUP]
        if NODE in result:
            self._nodes[group] = result[NODE]
            return
        if "ran" in result:
            self.problem = self.problem or result["problem"]
            if result["usage"] is not None:
                self._listener.measured(Usage(**result["usage"]))
            self._listener.ended(group, json.loads(result["ran"]))
            return
        self._listener.progressed(result["trial"], Progress(**result["progress"]))
        if result["done"] and self.problem is None:
            where = f"{result[EPOCHS]} epochs of distillation at a loss of {result[LOSS]:.4g}"
            self._listener.died(group, "pruned", f"stopped after {where}, the seeds' mean")

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        group: int = trial.config[GROUP]
        error = _error(trial)
        if isinstance(error, KilledForMemory):
            self._listener.died(group, "oom", f"its machine ran out of memory\n{_head(error)}")
        elif not isinstance(error, RayActorError) or error.actor_init_failed:
            self._listener.died(group, "failed", f"its worker failed\n{error}".rstrip())
        elif self._is_cluster:
            until = time.monotonic() + LOSS_KNOWN_S
            self._ends.append(_End(group, self._nodes.get(group), str(error), until))
        else:
            self._died(group, str(error))

    def settle(self) -> None:
        """Tell those ends of workers of which it is known by now whether it was their machine's."""
        if not self._ends:
            return
        nodes = ray.nodes()  # type: ignore[no-untyped-call]
        alive = {node["NodeID"] for node in nodes if node["Alive"]}
        ends, self._ends = self._ends, []
        for end in ends:
            if end.node is None:
                self._listener.lost(end.group, f"its worker ended before it began\n{end.cause}")
            elif end.node not in alive:
                self._listener.lost(end.group, f"its machine left the cluster\n{end.cause}")
            elif time.monotonic() > end.until:
                self._died(end.group, end.cause)
            else:
                self._ends.append(end)

    def _died(self, group: int, cause: str) -> None:
        self._listener.died(group, "failed", f"its worker process died\n{cause}".rstrip())


class _Searcher(Searcher):
    """Asks for a group whenever Tune has room for one."""

    def __init__(self, supply: Supply, bridge: _Bridge) -> None:
        super().__init__()
        self._supply = supply
        self._bridge = bridge

    def suggest(self, trial_id: str) -> dict[str, Any] | None:
        finished = cast(dict[str, Any], Searcher.FINISHED)
        self._bridge.settle()
        try:
            given = self._supply.take()
        except FoundryError as error:
            self._bridge.problem = str(error)
            return finished
        if given is None:
            return finished if self._supply.is_over else None
        return _config(given)

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


def _config(given: Given) -> dict[str, Any]:
    return {
        GROUP: given.index,
        MEMBERS: [trial.model_dump_json() for trial in given.trials],
        GRANT: given.grant.model_dump_json(),
        RESOURCES: dict(given.hold.resources),
    }


def _resources(config: dict[str, Any]) -> tune.PlacementGroupFactory:
    return tune.PlacementGroupFactory([config[RESOURCES]])


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


def _head(error: Exception) -> str:
    """The first line: below it Ray lists what else runs on the machine."""
    return str(error).partition("\n")[0]
