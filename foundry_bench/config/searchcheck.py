"""What is wrong with a search beyond its shape: nothing to search, or nothing to search by."""

from collections.abc import Iterator
from math import prod

from foundry_bench.config.faults import Fault, shown
from foundry_bench.config.fields import field_at, number_kind
from foundry_bench.config.search import COSTS, is_search_metric, metric_of
from foundry_bench.config.sweep import SweepConfig
from foundry_bench.registries import TASKS
from foundry_bench.registry import nearest

_OTHER_SCALE = ("train.distill.loss", "teacher", "data", "train.views")
"""Fields below which a change makes distillation losses mean something else."""


def search_faults(sweep: SweepConfig) -> list[Fault]:
    """All faults of `sweep`'s ranges and search."""
    faults = [fault for path in sweep.axes for fault in _axis_faults(sweep, path)]
    if sweep.search is None:
        return faults
    return [*faults, *_space_faults(sweep), *_objective_faults(sweep), *_scheduler_faults(sweep)]


def num_combinations(sweep: SweepConfig) -> int | None:
    """How many the axes span; None if a range has numbers without end."""
    counts = [_num_values(sweep, path) for path in sweep.axes]
    known = [count for count in counts if count is not None]
    return prod(known) if len(known) == len(counts) else None


def _num_values(sweep: SweepConfig, path: str) -> int | None:
    axis = sweep.axes[path]
    if isinstance(axis, list):
        return len(axis)
    step = axis.step or (1 if is_whole(sweep, path) else None)
    return None if step is None else round((axis.high - axis.low) / step) + 1


def is_whole(sweep: SweepConfig, path: str) -> bool:
    """Whether the field at `path` takes whole numbers alone."""
    field = field_at(SweepConfig, sweep.model_dump(exclude_unset=True), path)
    return field is not None and number_kind(field) is int


def _axis_faults(sweep: SweepConfig, path: str) -> Iterator[Fault]:
    axis, place = sweep.axes[path], ("axes", path)
    if isinstance(axis, list):
        if sweep.search is not None:
            repeated = (i for i, value in enumerate(axis) if value in axis[:i])
            yield from (Fault((*place, i), f"{shown(axis[i])} is given twice") for i in repeated)
        return
    if sweep.search is None:
        yield Fault(place, "a range is for a `search`; give a list of values, or add `search`")
        return
    if axis.step is not None and is_whole(sweep, path) and not isinstance(axis.step, int):
        yield Fault((*place, "step"), f"given {shown(axis.step)}, expected a whole number")


def _space_faults(sweep: SweepConfig) -> Iterator[Fault]:
    assert sweep.search is not None
    if not sweep.axes:
        yield Fault(("search",), "needs `axes`: the fields to search over, with their values")
        return
    count = num_combinations(sweep)
    if count is not None and count < sweep.search.trials:
        yield Fault(
            ("search", "trials"),
            f"given {sweep.search.trials}, but the axes have only {count} combinations; leave "
            "`search` out to run them all",
        )


def _objective_faults(sweep: SweepConfig) -> Iterator[Fault]:
    assert sweep.search is not None
    labels = {task.key: set(TASKS.get(task.name).metrics) for task in sweep.tasks}
    known = {*COSTS, *(name for metrics in labels.values() for name in metrics)}
    for index, objective in enumerate(sweep.search.objectives):
        is_one = isinstance(sweep.search.objective, str)
        place = ("search", "objective") if is_one else ("search", "objective", index)
        label, _, metric = objective.name.rpartition(".")
        if label and label not in labels:
            yield Fault(place, f"there is no task '{label}'{nearest(label, labels)}")
        elif not is_search_metric(metric_of(metric), labels[label] if label else known):
            found = labels[label] if label else known
            yield Fault(place, f"no task here gives '{metric}'{nearest(metric, found)}")


def _scheduler_faults(sweep: SweepConfig) -> Iterator[Fault]:
    assert sweep.search is not None
    if sweep.search.scheduler == "none":
        return
    for path in sweep.axes:
        if f"{path}.".startswith(tuple(f"{part}." for part in _OTHER_SCALE)):
            yield Fault(
                ("axes", path),
                "changes what the distillation loss means, and `search.scheduler: "
                f"{sweep.search.scheduler}` compares losses; set that to none",
            )
