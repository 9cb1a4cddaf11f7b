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

GROUP = "group"
"""Key of a Ray trial's config: the index of its group in `Work.groups`."""


@dataclass(frozen=True)
class Work:
    """All that workers need to know of a sweep.

    Attributes:
        groups: groups of trials, each trial as JSON.
        planner: `module:function` that plans a trial.
    """

    groups: Sequence[Sequence[str]]
    store: str
    out: str
    planner: str

    def group(self, index: int) -> list[TrialConfig]:
        """The trials of a group."""
        return [TrialConfig.model_validate_json(text) for text in self.groups[index]]


class Worker(Trainable):
    """A Ray trial is a group; a step of it lasts until the group has something to report."""

    def setup(self, config: dict[str, Any], work: Work) -> None:  # type: ignore[override]
        """Get ready for a group. `work` comes through `tune.with_parameters`."""
        self._work = work
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="group")
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Get ready for another group in this process.

        It begins with the first step: Tune gets workers ready that it then uses for other groups.
        """
        self._group: int = new_config[GROUP]
        self._messages: SimpleQueue[dict[str, Any]] | None = None
        return True

    def step(self) -> dict[str, Any]:
        """Wait for the group's next report (the latest, if there are several) or its end.

        Returns:
            `trial` and `progress`; or at the end `done`, with `ran` (key -> seconds, of the stages
            run here) and `problem` (why the sweep cannot go on, or None).
        """
        if self._messages is None:
            self._messages = SimpleQueue()
            self._thread.submit(self._run, self._work.group(self._group), self._messages)
        message = self._messages.get()
        while not message["done"]:
            try:
                message = self._messages.get_nowait()
            except Empty:
                break
        return message

    def _run(self, trials: list[TrialConfig], messages: "SimpleQueue[dict[str, Any]]") -> None:
        def report(trial: str, progress: Progress) -> None:
            messages.put({"done": False, "trial": trial, "progress": asdict(progress)})

        store, out = Store(Path(self._work.store)), Path(self._work.out)
        problem: str | None = None
        try:
            write_output_to(out / "trials" / trial_id(trials[0]) / LOG)
            run_group(trials, store, out, report, load_planner(self._work.planner))
        except StoreError as error:
            problem = str(error)
        except BaseException as error:
            problem = f"{type(error).__name__}: {error}"
        messages.put({"done": True, "ran": json.dumps(store.ran), "problem": problem})


def write_output_to(log: Path) -> None:
    """Append all that this process prints from now on, in Python and below, to `log`."""
    sys.stdout.flush()
    sys.stderr.flush()
    log.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
