"""Short labels of trials from what they vary, and of the columns that show their results."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from foundry_bench.errors import FoundryError
from foundry_bench.record import Record
from foundry_bench.registries import TASKS


class Labels:
    """Labels that tell the trials of a sweep apart, by the fields that differ among them.

    Attributes:
        columns: dotted path of each field that differs -> its short name.
    """

    def __init__(self, varying: Iterable[Mapping[str, Any]]) -> None:
        """`varying` holds the `varies` of all trials of the sweep."""
        values: dict[str, set[str]] = {}
        nested: dict[str, str] = {}
        for varies in varying:
            for path, value in varies.items():
                for leaf, inner in _leaves(path, value):
                    values.setdefault(leaf, set()).add(json.dumps(inner, sort_keys=True))
                    if isinstance(value, Mapping):
                        nested[leaf] = path
        differ = {leaf for leaf, found in values.items() if len(found) > 1}
        told_below = {nested[leaf] for leaf in differ if leaf in nested}
        paths = [
            leaf
            for leaf in values
            if leaf != "seed"
            and (
                leaf in differ
                or leaf not in nested
                or (leaf == nested[leaf] and leaf not in told_below)
            )
        ]
        self.columns = _short_names(paths)

    def values(self, varies: Mapping[str, Any]) -> dict[str, str]:
        """Short name of each column -> value of the trial that varies `varies`, if it has one."""
        leaves = {
            leaf: inner for path, value in varies.items() for leaf, inner in _leaves(path, value)
        }
        return {name: str(leaves[path]) for path, name in self.columns.items() if path in leaves}

    def of(self, variant: str, varies: Mapping[str, Any]) -> str:
        """The label of all seeds of a trial: `foundry supertokens=4 init_std=2`."""
        words = (f"{name}={value}" for name, value in self.values(varies).items())
        return " ".join([variant, *words])


def result_column(key: str, task: str, metric: str) -> str:
    """The heading of a task's main metric; with its label before it, if it has one of its own."""
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
        if metric not in stage.metrics:
            metric = next(iter(stage.metrics))
        found[result_column(stage.task, task, metric)] = stage.metrics[metric]
    return found


def _leaves(path: str, value: object) -> Iterator[tuple[str, object]]:
    """The plain values below `path`; the name of a registered class counts as the path's own."""
    if not isinstance(value, Mapping):
        yield path, value
        return
    for key, inner in value.items():
        yield from _leaves(path if key == "name" else f"{path}.{key}", inner)


def _short_names(paths: Sequence[str]) -> dict[str, str]:
    """The last words of each path, as many as tell it from the others."""
    names = {}
    for path in paths:
        words = path.split(".")
        others = [other.split(".") for other in paths if other != path]
        count = 1
        while count < len(words) and any(other[-count:] == words[-count:] for other in others):
            count += 1
        names[path] = ".".join(words[-count:])
    return names
