"""`--set a.b=VALUE`: fields of a sweep file changed from the command line."""

from collections.abc import Mapping
from typing import Any

from foundry_bench.config.fields import with_field
from foundry_bench.config.source import Place, Source, parse
from foundry_bench.config.sweep import SweepConfig
from foundry_bench.errors import FoundryError

_KEYS_BEFORE_A_PATH = {"axes": 1, "baselines": 2, "ablations": 2}


def override(source: Source, text: str) -> None:
    """Change the field of `source` that `text` (`a.b=VALUE`) names; `--set` becomes its origin.

    VALUE is YAML. A path below `axes`, `baselines.NAME`, `ablations.NAME` is one key with dots.

    Raises:
        FoundryError: if `text` is no such pair, or the path leads through a value without fields.
    """
    label = f"--set {text}"
    path, equals, value_text = text.partition("=")
    path = path.strip()
    if not equals or not all(path.split(".")):
        raise FoundryError("expected FIELD=VALUE, such as train.distill.epochs=3")
    given = parse(value_text, "VALUE")
    place = _place(path)
    if not isinstance(source.value, Mapping):
        return
    source.value = _with(dict(source.value), place, given.value)
    for known in [known for known in source.origins if known[: len(place)] == place]:
        del source.origins[known]
    source.origins[place] = label
    source.faults += [((*place, *below), message) for below, message in given.faults]


def _place(path: str) -> Place:
    keys = path.split(".")
    before = _KEYS_BEFORE_A_PATH.get(keys[0])
    if before is None or len(keys) <= before:
        return tuple(keys)
    return (*keys[:before], ".".join(keys[before:]))


def _with(values: dict[str, Any], place: Place, value: object) -> dict[str, Any]:
    key = str(place[0])
    if key not in _KEYS_BEFORE_A_PATH:
        return with_field(SweepConfig, values, ".".join(map(str, place)), value)
    if len(place) == 1:
        return {**values, key: value}
    inner = values.get(key)
    inner = {} if inner is None or isinstance(inner, bool) else inner
    if not isinstance(inner, Mapping):
        raise FoundryError(f"{key} has no fields")
    if len(place) == 2:
        return {**values, key: {**inner, str(place[1]): value}}
    innermost = inner.get(place[1])
    innermost = innermost if isinstance(innermost, Mapping) else {}
    return {**values, key: {**inner, str(place[1]): {**innermost, str(place[2]): value}}}
