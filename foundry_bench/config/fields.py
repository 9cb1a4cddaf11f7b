"""Dotted paths to fields, through nested settings and registered classes.

Everything here works on the plain mappings of a file, before they are valid: what cannot be
followed gives None.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from foundry_bench.config.registered import Registered
from foundry_bench.config.settings import NamedSettings, Settings
from foundry_bench.errors import FoundryError

Keys = Sequence[str | int]


def settings_at(root: type[Settings], values: object, keys: Keys) -> type[Settings] | None:
    """The settings class of the mapping at `keys` of `values`, which `root` describes."""
    model: type[Settings] | None = root
    rest = list(keys)
    while rest and model is not None:
        key = rest.pop(0)
        field = model.model_fields.get(key) if isinstance(key, str) else None
        if field is None:
            return None
        values = values.get(key) if isinstance(values, Mapping) else None
        if rest and isinstance(rest[0], int):
            index = rest.pop(0)
            in_range = isinstance(values, Sequence) and int(index) < len(values)
            values = values[int(index)] if in_range and isinstance(values, Sequence) else None
        model = _class_of(field, values)
    return model


def field_at(root: type[Settings], values: object, path: str) -> FieldInfo | None:
    """The field at the dotted `path` of `values`; None if there is none that can be told."""
    *parents, last = path.split(".")
    model = settings_at(root, values, parents)
    return None if model is None else model.model_fields.get(last)


def takes_sequence(field: FieldInfo) -> bool:
    """Whether a list is one value of the field."""
    return any(get_origin(part) in (tuple, list) for part in _alternatives(field.annotation))


def number_kind(field: FieldInfo) -> type[int] | type[float] | None:
    """Which numbers are values of the field: `int` where whole ones alone are; None: none are."""
    parts = set(_types(field.annotation))
    return float if float in parts else int if int in parts else None


def is_registered(field: FieldInfo) -> bool:
    """Whether the field's value picks a registered class."""
    return any(True for _ in _registered(field))


def with_field(
    root: type[Settings], values: Mapping[str, Any], path: str, value: object
) -> dict[str, Any]:
    """A copy of `values` in which the field at the dotted `path` is `value`.

    On the way a bare name becomes a mapping, and a part that `values` leaves out starts from its
    default.

    Raises:
        FoundryError: if a part of the path holds something that has no fields.
    """
    return _with(root, dict(values), path.split("."), 0, value)


def _with(
    model: type[Settings] | None, values: dict[str, Any], keys: list[str], depth: int, value: object
) -> dict[str, Any]:
    key = keys[depth]
    if depth == len(keys) - 1:
        return {**values, key: value}
    field = model.model_fields.get(key) if model is not None else None
    if key in values:
        is_bare_name = isinstance(values[key], str) and field is not None and is_registered(field)
        inner = {"name": values[key]} if is_bare_name else values[key]
    else:
        inner = _default(field, dropped=keys[depth + 1] == "name")
    if isinstance(inner, BaseModel):
        inner = inner.model_dump(exclude_unset=True)
    if not isinstance(inner, Mapping):
        raise FoundryError(f"{'.'.join(keys[: depth + 1])} has no fields")
    below = _class_of(field, inner) if field is not None else None
    return {**values, key: _with(below, dict(inner), keys, depth + 1, value)}


def _default(field: FieldInfo | None, *, dropped: bool) -> object:
    """What a part that is left out holds; nothing if its `name` is about to change."""
    default = None if field is None else field.get_default(call_default_factory=True)
    return default.model_dump() if isinstance(default, BaseModel) and not dropped else {}


def _class_of(field: FieldInfo, value: object) -> type[Settings] | None:
    """The settings class of `value` in `field`, if it is one."""
    for registered in _registered(field):
        name = value if isinstance(value, str) else None
        if isinstance(value, Mapping):
            name = value.get("name")
        elif isinstance(value, NamedSettings):
            name = value.name
        elif value is None and isinstance(field.default, NamedSettings):
            name = field.default.name
        try:
            return registered.settings_class(name) if isinstance(name, str) else None
        except FoundryError:
            return None
    for part in _alternatives(field.annotation):
        if isinstance(part, type) and issubclass(part, Settings):
            return part
    return None


def _registered(field: FieldInfo) -> Iterator[Registered]:
    """The registry marks of a field, also those of a list's elements."""
    for mark in field.metadata:
        if isinstance(mark, Registered):
            yield mark
    for part in _alternatives(field.annotation):
        for mark in getattr(part, "__metadata__", ()):
            if isinstance(mark, Registered):
                yield mark


def _types(annotation: object) -> Iterator[object]:
    """The types of an annotation and of the members of its unions, but not of elements."""
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        for part in get_args(annotation):
            yield from _types(part)
    elif origin is Annotated:
        yield from _types(get_args(annotation)[0])
    else:
        yield annotation


def _alternatives(annotation: object) -> Iterator[object]:
    """All types that make up an annotation: members of unions, elements of tuples and lists."""
    yield annotation
    if get_origin(annotation) is not Literal:
        for part in get_args(annotation):
            yield from _alternatives(part)
