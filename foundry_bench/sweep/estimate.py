"""How long the stages of a sweep will take, from the records of such stages in the store; and how
much room on the disk.
"""

import shutil
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from foundry_bench.record import Record
from foundry_bench.stage import Stage
from foundry_bench.store import Store
from foundry_bench.sweep.planning import stage_name

EPOCHS = "epochs"

_Facts = frozenset[tuple[str, str]]
"""Settings and inputs of a stage as pairs of path and value."""


@dataclass(frozen=True)
class Estimate:
    """What the store's records say of stages that are to run.

    Attributes:
        stage_s: seconds of all stages that such records are there for, one after the other.
        longest_s: of the longest of them.
        records: number of records that were used, by the device's name.
        unknown: number of stages that nothing is known of, by `stage_name`.
        others: number of stages whose data or weights none of the records has, so that their sizes
            may differ.
    """

    stage_s: float
    longest_s: float
    records: Mapping[str, int]
    unknown: Mapping[str, int]
    others: int


def estimate(stages: Iterable[Stage], store: Store, device: str) -> Estimate:
    """What `stages` will take on a `device` of the kind `cpu` or `cuda`.

    A stage takes the median of the store's records of its kind and task that have most settings and
    contents in common with it, each scaled to its number of epochs where both have one.
    """
    past: dict[str, list[_Past]] = defaultdict(list)
    for record in store.finished():
        if record.device.get("kind") == device and record.timings.get("wall_s"):
            past[_name(record)].append(_Past(record))
    seconds: list[float] = []
    used: dict[str, str] = {}
    unknown: Counter[str] = Counter()
    others = 0
    known: dict[tuple[str, _Facts], list[_Past]] = {}  # stages that differ in their seed are many
    for stage in stages:
        name, facts = stage_name(stage), _facts(stage.config, stage.fingerprints)
        nearest = known.get((name, facts)) or _nearest(facts, past[name])
        if not nearest:
            unknown[name] += 1
            continue
        known[name, facts] = nearest
        others += not _facts({}, stage.fingerprints) <= nearest[0].facts
        seconds.append(median(one.scaled_s(_epochs(stage.config)) for one in nearest))
        used |= {one.key: one.device for one in nearest}
    longest_s = max(seconds, default=0.0)
    return Estimate(sum(seconds), longest_s, Counter(used.values()), unknown, others)


def room_lines(store: Path, stages: Iterable[Stage]) -> list[str]:
    """How large the files of `stages` will be beside the room on the disk of `store`, if any are
    large.
    """
    sizes = [stage.num_bytes for stage in stages if stage.num_bytes != 0]
    if not sizes:
        return []
    known = sum(size for size in sizes if size is not None)
    num_unknown = sizes.count(None)
    there = next(path for path in (store, *store.parents) if path.exists())
    free = shutil.disk_usage(there).free
    words = [f"{known / 2**30:.2f} GiB"] if known else []
    words += [f"unknown of {num_unknown} of {len(sizes)} stages"] if num_unknown else []
    line = f"cached tokens to write: {', '.join(words)}; {free / 2**30:.1f} GiB are free in {store}"
    return [line + (": not enough" if known > free else "")]


class _Past:
    """A record as far as it matters here."""

    def __init__(self, record: Record) -> None:
        self.key = record.key
        self.device = str(record.device.get("name"))
        self.facts = _facts(record.config, record.inputs)
        self._wall_s = record.timings["wall_s"]
        self._epochs = _epochs(record.config)

    def scaled_s(self, epochs: float | None) -> float:
        """Its seconds, had it had so many epochs."""
        return self._wall_s * epochs / self._epochs if epochs and self._epochs else self._wall_s


def _nearest(facts: _Facts, past: Sequence[_Past]) -> list[_Past]:
    """Those of `past` that have most in common with `facts`."""
    common = [len(facts & one.facts) for one in past]
    most = max(common, default=0)
    return [one for one, number in zip(past, common, strict=True) if number == most]


def _facts(config: Mapping[str, Any], inputs: Mapping[str, str]) -> _Facts:
    return frozenset([*_leaves("", config), *((f"inputs.{name}", inputs[name]) for name in inputs)])


def _leaves(path: str, value: object) -> list[tuple[str, str]]:
    if isinstance(value, Mapping):
        return [leaf for key, inner in value.items() for leaf in _leaves(f"{path}.{key}", inner)]
    return [(path, str(value))]


def _epochs(config: Mapping[str, Any]) -> float | None:
    """The epochs that a stage trains, wherever its settings have them."""
    settings = (value for value in config.values() if isinstance(value, Mapping))
    found = [config.get(EPOCHS), *(each.get(EPOCHS) for each in settings)]
    return next((float(epochs) for epochs in found if isinstance(epochs, int | float)), None)


def _name(record: Record) -> str:
    return f"{record.stage} {record.task}" if record.task else record.stage
