"""Short labels of trials, and headings for the columns of their results."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from foundry_bench.errors import FoundryError
from foundry_bench.record import Record
from foundry_bench.registries import TASKS


class Labels:
    """Labels that distinguish the trials of a sweep, by the fields that differ among them.

    Attributes:
        columns: dotted path of each field in the labels -> its short name.
    """

    def __init__(self, varying: Iterable[Mapping[str, Any]]) -> None:
        """`varying` holds the `varies` of all trials of the sweep."""
        values: dict[str, set[str]] = {}
        outer: dict[str, str] = {}  # a field of a nested setting -> that setting
        for varies in varying:
            for path, value in varies.items():
                for leaf, inner in _leaves(path, value):
                    values.setdefault(leaf, set()).add(json.dumps(inner, sort_keys=True))
                    if isinstance(value, Mapping):
                        outer[leaf] = path
        differing = {leaf for leaf, found in values.items() if len(found) > 1}
        # Nested settings bring along fields that the sweep does not vary: of these only the name
        # of the class is shown, and not even that where another field of the setting differs.
        distinguished = {outer[leaf] for leaf in differing & outer.keys()}
        constant = {
            leaf
            for leaf in outer.keys() - differing
            if leaf != outer[leaf] or leaf in distinguished
        }
        self.columns = _short_names([leaf for leaf in values if leaf not in {"seed", *constant}])

    def values(self, varies: Mapping[str, Any]) -> dict[str, str]:
        """Short name of each column -> value of the trial that varies `varies`, if it has one."""
        leaves = {
            leaf: inner for path, value in varies.items() for leaf, inner in _leaves(path, value)
        }
        return {name: str(leaves[path]) for path, name in self.columns.items() if path in leaves}

    def of(self, variant: str, varies: Mapping[str, Any]) -> str:
        """The label that the seeds of a trial share: `foundry supertokens=4 init_std=2`."""
        words = (f"{name}={value}" for name, value in self.values(varies).items())
        return " ".join([variant, *words])


def result_column(key: str, task: str, metric: str) -> str:
    """The heading of a task's main metric: `accuracy`, or `<label>.accuracy` if it has a label.

    Args:
        key: the task's label, or its registered name if it has none.
        task: its registered name.
        metric: the metric's name.
    """
    return metric if key == task else f"{key}.{metric}"


def main_metric(task: str) -> str | None:
    """The first metric of the registered `task`; None if there is no such task."""
    try:
        metrics = TASKS.get(task).metrics
    except FoundryError:
        return None
    return metrics[0] if metrics else None


def results_of(stages: Sequence[Record]) -> dict[str, float]:
    """The main metric of each task that `stages` evaluate, by its column."""
    found: dict[str, float] = {}
    for stage in stages:
        if stage.stage != "evaluate" or stage.task is None or not stage.metrics:
            continue
        config = stage.config.get("task")
        name = config.get("name") if isinstance(config, Mapping) else None
        task = str(name or stage.task)
        metric = main_metric(task)
        if metric not in stage.metrics:  # a plugin's task that is not installed here, for one
            metric = next(iter(stage.metrics))
        found[result_column(stage.task, task, metric)] = stage.metrics[metric]
    return found


def _leaves(path: str, value: object) -> Iterator[tuple[str, object]]:
    """Dotted path and value of each plain value below `path`.

    The name of a registered class has the path of its settings: `student`, not `student.name`.
    """
    if not isinstance(value, Mapping):
        yield path, value
        return
    for key, inner in value.items():
        yield from _leaves(path if key == "name" else f"{path}.{key}", inner)


def _short_names(paths: Sequence[str]) -> dict[str, str]:
    """Path -> its last words, as many as distinguish it from the other paths."""
    names = {}
    for path in paths:
        words = path.split(".")
        others = [other.split(".") for other in paths if other != path]
        count = 1
        while count < len(words) and any(other[-count:] == words[-count:] for other in others):
            count += 1
        names[path] = ".".join(words[-count:])
    return names
