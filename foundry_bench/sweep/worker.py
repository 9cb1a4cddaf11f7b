"""What a Ray worker does: one group at a time, reporting each epoch to the driver."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import ray
from ray.tune import Trainable

from foundry_bench.config.sweep import TrialConfig
from foundry_bench.stage import Progress
from foundry_bench.store import Store, StoreError
from foundry_bench.sweep.expand import trial_id
from foundry_bench.sweep.gpu import Meter, await_memory, grow_segments, measuring
from foundry_bench.sweep.grant import Grant
from foundry_bench.sweep.group import LOG, run_group
from foundry_bench.sweep.marks import NotShared, check_marks
from foundry_bench.sweep.planning import load_planner
from foundry_bench.sweep.watch import EPOCHS, NOTHING, Stopped, Watch

GROUP = "group"
"""Key of a Ray trial's config: the index of its group."""
MEMBERS = "members"
"""Key of a Ray trial's config: its trials, as JSON."""
GRANT = "grant"
"""Key of a Ray trial's config: its `Grant`, as JSON."""
RESOURCES = "resources"
"""Key of a Ray trial's config: what it holds, in Ray's words."""
NODE = "node"
"""Key of a group's first report in a cluster: the node that it runs on."""


@dataclass(frozen=True)
class Work:
    """All that workers need to know of a sweep.

    Attributes:
        planner: `module:function` that plans a trial.
        is_watched: whether a scheduler may stop the groups that a search suggested: they wait for
            its decision after each epoch of distillation.
        measures: whether groups that have a GPU to themselves are to say what they used of it.
        mark: what `out` and `store` were marked with in the driver; None: workers run on its
            machine.
        folder: where relative paths begin; None as `mark`.
    """

    store: str
    out: str
    planner: str
    is_watched: bool = False
    measures: bool = False
    mark: str | None = None
    folder: str | None = None


class Worker(Trainable):
    """A Ray trial is a group; a step of it lasts until the group has something to report."""

    def setup(self, config: dict[str, Any], work: Work) -> None:  # type: ignore[override]
        """Get ready for a group. `work` comes through `tune.with_parameters`."""
        self._work = work
        if work.folder is not None and Path(work.folder).is_dir():
            os.chdir(work.folder)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="group")
        self._watch: Watch | None = None
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Get ready for another group in this process.

        It begins with the first step: Tune gets workers ready that it then uses for other groups.
        """
        self.cleanup()
        self._trials = [TrialConfig.model_validate_json(text) for text in new_config[MEMBERS]]
        self._turn = Grant.model_validate_json(new_config[GRANT])
        self._messages: SimpleQueue[dict[str, Any]] | None = None
        self._is_decided = False
        is_suggested = all(trial.role == "main" for trial in self._trials)
        self._watch = Watch() if self._work.is_watched and is_suggested else None
        return True

    def step(self) -> dict[str, Any]:
        """Wait for the group's next report (the latest, if there are several) or its end.

        Returns:
            `trial` and `progress`, and what `Watch` says of it; or at the end `done`, with `ran`
            (key -> seconds, of the stages run here), `usage` (of the GPU, if it was measured) and
            `problem` (why the sweep cannot go on, or None). In a cluster the first report says at
            once which node the group is on.
        """
        if self._messages is None:
            self._messages = SimpleQueue()
            self._thread.submit(self._run, self._trials, self._turn, self._messages, self._watch)
            if self._work.mark is not None:
                return {"done": False, NODE: ray.get_runtime_context().get_node_id()}
        elif self._watch is not None and self._is_decided:
            self._watch.let_go_on()
        message = self._messages.get()
        while not message["done"]:
            try:
                message = self._messages.get_nowait()
            except Empty:
                break
        # a next step means that the scheduler let the group go on after this, and after no later
        # epoch, which the group may have reached by then
        self._is_decided = EPOCHS in message
        return message

    def cleanup(self) -> None:
        """End a group that was stopped; it waits in its report."""
        if self._watch is not None:
            self._watch.stop()

    def _run(
        self,
        trials: list[TrialConfig],
        grant: Grant,
        messages: "SimpleQueue[dict[str, Any]]",
        watch: Watch | None,
    ) -> None:
        def report(trial: str, progress: Progress) -> None:
            seen = {} if watch is None else watch.see(trial, progress)
            messages.put({"done": False, "trial": trial, "progress": asdict(progress), **seen})
            if watch is not None and seen:
                watch.wait()

        store, out = Store(Path(self._work.store)), Path(self._work.out)
        problem: str | None = None
        meter = Meter()
        try:
            check_marks([out, store.root], self._work.mark)
            names = [trial_id(trial) for trial in trials]
            with (
                output_to({name: out / "trials" / name / LOG for name in names}) as turn,
                self._on_gpu(trials, grant) as meter,
            ):
                plan = load_planner(self._work.planner)
                records = run_group(trials, store, out, report, plan, grant, turn)
            if any(record.status != "done" for record in records):
                meter = Meter()  # what failed early says little of those to come
        except Stopped:
            return
        except (StoreError, NotShared) as error:
            problem = str(error)
        except BaseException as error:
            problem = f"{type(error).__name__}: {error}"
        last = NOTHING if watch is None else watch.last
        usage = None if meter.usage is None else asdict(meter.usage)
        end = {"ran": json.dumps(store.ran), "usage": usage, "problem": problem}
        messages.put({"done": True, **end, **last})

    @contextmanager
    def _on_gpu(self, trials: list[TrialConfig], grant: Grant) -> Iterator[Meter]:
        """Wait for the memory of this group's share to be back, and measure what it uses if it is
        asked for; nothing on CPU.
        """
        if trials[0].device == "cpu" or grant.share is None:
            yield Meter()
            return
        grow_segments()
        if not await_memory(grant.share):
            sys.stderr.write(f"began before {grant.share:.0%} of the GPU's memory was free\n")
        if not (self._work.measures and grant.share == 1):
            yield Meter()
            return
        with measuring() as meter:
            yield meter


@contextmanager
def output_to(logs: Mapping[str, Path]) -> Iterator[Callable[[str], None]]:
    """All that this process prints from now on, in Python and below, is appended to the first of
    `logs`; gives a function that takes the name of another to go on with.
    """
    with ExitStack() as stack:
        descriptors = {}
        for name, log in logs.items():
            log.parent.mkdir(parents=True, exist_ok=True)
            descriptors[name] = stack.enter_context(log.open("ab")).fileno()

        def go_on_with(name: str) -> None:
            for stream in (sys.stdout, sys.stderr):
                with suppress(OSError):  # a disk that is full: who prints on it is told
                    stream.flush()
            for number in (1, 2):
                os.dup2(descriptors[name], number)

        go_on_with(next(iter(logs)))
        yield go_on_with
