"""Axes: settings that vary among the trials of a sweep, by dotted path."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from foundry_bench.record import TrialRecord

_NOT_SETTINGS = {"sweep", "role", "variant", "seed", "device", "threads", "varies"}
"""Parts of a trial's configuration that have columns of their own, or decide no number."""


def find_axes(trials: Sequence[TrialRecord]) -> list[str]:
    """Dotted paths whose value differs between trials of one sweep, sorted.

    All settings count, also nested ones and such that only two variants differ in. A trial without
    a setting (the teacher has no student) does not make it an axis.
    """
    values: dict[tuple[str, str], set[str]] = defaultdict(set)
    for trial in trials:
        for path, value in flatten(trial.config):
            values[trial.sweep, path].add(_text(value))
        for path in _mappings(trial.config):
            values[trial.sweep, path].add("a mapping")
    found = {path for (_, path), texts in values.items() if len(texts) > 1}
    # A teacher has the student null: the columns student and variant say so.
    return sorted(path for path in found if "." in path or path not in ("student", "teacher"))


def value_at(config: Mapping[str, Any], path: str) -> Any:
    """The setting at a dotted path; None without one; lists and mappings as JSON text."""
    value: Any = config
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return _text(value) if isinstance(value, Mapping | list | tuple) else value


def flatten(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted path and value of each setting that is no mapping."""
    for name, value in settings.items():
        if not prefix and name in _NOT_SETTINGS:
            continue
        path = f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from flatten(value, f"{path}.")
        else:
            yield path, value


def _mappings(settings: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in settings.items():
        if isinstance(value, Mapping) and (prefix or name not in _NOT_SETTINGS):
            yield f"{prefix}{name}"
            yield from _mappings(value, f"{prefix}{name}.")


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
