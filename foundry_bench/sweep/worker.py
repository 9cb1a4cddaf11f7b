"""What a Ray worker does: one group at a time, reporting each epoch to the driver."""

import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from ray.tune import Trainable

from foundry_bench.config.sweep import TrialConfig
from foundry_bench.stage import Progress
from foundry_bench.store import Store, StoreError
from foundry_bench.sweep.expand import trial_id
from foundry_bench.sweep.group import LOG, run_group
from foundry_bench.sweep.planning import load_planner
from foundry_bench.sweep.watch import NOTHING, Stopped, Watch

GROUP = "group"
"""Key of a Ray trial's config: the index of its group, in `Work.groups` unless it has `MEMBERS`."""
MEMBERS = "members"
"""Key of a Ray trial's config: the trials of a group that was not known at first, as JSON."""


@dataclass(frozen=True)
class Work:
    """All that workers need to know of a sweep.

    Attributes:
        groups: groups of trials, each trial as JSON.
        planner: `module:function` that plans a trial.
        is_watched: whether a scheduler may stop the groups that a search suggested: they wait for
            its decision after each epoch of distillation.
    """

    groups: Sequence[Sequence[str]]
    store: str
    out: str
    planner: str
    is_watched: bool = False


class Worker(Trainable):
    """A Ray trial is a group; a step of it lasts until the group has something to report."""

    def setup(self, config: dict[str, Any], work: Work) -> None:  # type: ignore[override]
        """Get ready for a group. `work` comes through `tune.with_parameters`."""
        self._work = work
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="group")
        self._watch: Watch | None = None
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Get ready for another group in this process.

        It begins with the first step: Tune gets workers ready that it then uses for other groups.
        """
        self.cleanup()
        members = new_config.get(MEMBERS) or self._work.groups[new_config[GROUP]]
        self._trials = [TrialConfig.model_validate_json(text) for text in members]
        self._messages: SimpleQueue[dict[str, Any]] | None = None
        is_suggested = all(trial.role == "main" for trial in self._trials)
        self._watch = Watch() if self._work.is_watched and is_suggested else None
        return True

    def step(self) -> dict[str, Any]:
        """Wait for the group's next report (the latest, if there are several) or its end.

        Returns:
            `trial` and `progress`, and what `Watch` says of it; or at the end `done`, with `ran`
            (key -> seconds, of the stages run here) and `problem` (why the sweep cannot go on, or
            None).
        """
        if self._messages is None:
            self._messages = SimpleQueue()
            self._thread.submit(self._run, self._trials, self._messages, self._watch)
        elif self._watch is not None:
            self._watch.let_go_on()
        message = self._messages.get()
        while not message["done"]:
            try:
                message = self._messages.get_nowait()
            except Empty:
                break
        return message

    def cleanup(self) -> None:
        """End a group that was stopped; it waits in its report."""
        if self._watch is not None:
            self._watch.stop()

    def _run(
        self,
        trials: list[TrialConfig],
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
        try:
            write_output_to(out / "trials" / trial_id(trials[0]) / LOG)
            run_group(trials, store, out, report, load_planner(self._work.planner))
        except Stopped:
            return
        except StoreError as error:
            problem = str(error)
        except BaseException as error:
            problem = f"{type(error).__name__}: {error}"
        last = NOTHING if watch is None else watch.last
        messages.put({"done": True, "ran": json.dumps(store.ran), "problem": problem, **last})


def write_output_to(log: Path) -> None:
    """Append all that this process prints from now on, in Python and below, to `log`."""
    sys.stdout.flush()
    sys.stderr.flush()
    log.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
