"""All that is wrong with a file, in one message."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from foundry_bench.config.fields import settings_at
from foundry_bench.config.settings import Settings
from foundry_bench.config.source import Place, Source
from foundry_bench.registry import nearest

_LONGEST_GIVEN = 60
RENAMED = {
    "anchors": "baselines",
    "controls": "ablations",
    "keep": "keep_weights",
    "start": "init",
    "together": "max_interleaved",
    "trains": "trainable",
    "unfreeze": "unfreeze_at",
}
"""Former keys of sweep files, named in the error together with the present one."""
_DOTTED = re.compile(r"^([a-z_][\w.]*): ")


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong.

    Attributes:
        place: of the value, or of the key that should not be there or is missing.
        message: what was given and what was expected.
        origin: where it was given, if the source cannot tell from the place.
    """

    place: Place
    message: str
    origin: str | None = None


def faults_of(error: ValidationError, root: type[Settings], values: object) -> list[Fault]:
    """The faults that `root` finds in `values`, one for each place."""
    at_place: dict[Place, list[ErrorDetails]] = {}
    for details in error.errors(include_url=False):
        if details["type"] == "too_short" and len(details["input"]) >= details["ctx"]["min_length"]:
            continue  # pydantic counts the valid items alone, and the others have their own faults
        at_place.setdefault(_place(details, values), []).append(details)
    return [_fault(place, found, root, values) for place, found in at_place.items()]


def render(title: str, faults: Iterable[Fault], source: Source) -> str:
    """One message: a line for each fault, with its origin and its dotted path."""
    lines = dict.fromkeys(
        f"  {fault.origin or source.origin(fault.place)}: {_sentence(fault)}" for fault in faults
    )
    plural = "fault" if len(lines) == 1 else "faults"
    return "\n".join([f"{title} has {len(lines)} {plural}:", *lines])


def dotted(place: Place) -> str:
    """A place as people write it: `tasks.0.name`."""
    return ".".join(map(str, place))


def shown(value: object) -> str:
    """A value in a message: short, with its type where that may be what is wrong."""
    text = repr(value)
    text = text if len(text) <= _LONGEST_GIVEN else f"{text[:_LONGEST_GIVEN]}…"
    kinds = {str: "text", bool: "boolean", list: "list", dict: "mapping"}
    kind = kinds.get(type(value))
    return f"{text} ({kind})" if kind else text


def _sentence(fault: Fault) -> str:
    return f"{dotted(fault.place)}: {fault.message}" if fault.place else fault.message


def _place(details: ErrorDetails, values: object) -> Place:
    """The fault's place in the file: pydantic's location without the tags of unions."""
    place: list[str | int] = []
    for key in details["loc"]:
        if isinstance(values, Mapping) and key in values:
            values = values[key]
        elif isinstance(values, Sequence) and not isinstance(values, str) and isinstance(key, int):
            values = values[key] if key < len(values) else None
        elif isinstance(values, Mapping) and key == values.get("name"):
            continue  # the alternative that the name picks
        elif isinstance(values, str) and key == "name":
            break
        else:
            if details["type"] == "missing" and key == details["loc"][-1]:
                place.append(key)
            break
        place.append(key)
    named = _DOTTED.match(_reason(details))
    return (*place, *named[1].split(".")) if named else tuple(place)


def _reason(details: ErrorDetails) -> str:
    """The message of a validator written by hand, else nothing."""
    return details["msg"].removeprefix("Value error, ") if details["type"] == "value_error" else ""


def _fault(place: Place, found: list[ErrorDetails], root: type[Settings], values: object) -> Fault:
    first = found[0]
    kind = first["type"]
    if kind == "missing":
        return Fault(place, "is missing")
    if kind == "extra_forbidden":
        return Fault(place, f"unknown field{_known_fields(place, root, values)}")
    if kind == "invalid_key":
        return Fault(place, "the name of a field must be text")
    if kind == "unknown_name":
        return Fault(place, first["msg"])
    if kind == "value_error":
        return Fault(place, _DOTTED.sub("", _reason(first)))
    wanted = dict.fromkeys(_expected(details) for details in found)
    given = first["input"]
    message = f"given {shown(given)}, expected {' or '.join(wanted)}"
    choices = [choice for details in found for choice in _choices(details)]
    if isinstance(given, str) and get_close_matches(given, choices, n=1, cutoff=0.6):
        message += nearest(given, choices)
    return Fault(place, message)


def _expected(details: ErrorDetails) -> str:
    context = details.get("ctx", {})
    if details["type"] == "too_short":
        return f"at least {context['min_length']} value(s)"
    if details["type"] == "string_pattern_mismatch":
        return f"text that matches {context['pattern']}"
    text = details["msg"]
    for opening in ("Input should be ", "Input should "):
        if text.startswith(opening):
            text = text.removeprefix(opening)
            break
    text = text.removeprefix("a valid ")
    for word, plain in (("dictionary", "mapping"), ("tuple", "list"), ("string", "text")):
        text = text.replace(word, plain)
    return text


def _choices(details: ErrorDetails) -> list[str]:
    context: Mapping[str, Any] = details.get("ctx", {})
    return re.findall(r"'([^']*)'", str(context.get("expected", "")))


def _known_fields(place: Place, root: type[Settings], values: object) -> str:
    model = settings_at(root, values, place[:-1])
    renamed = RENAMED.get(str(place[-1]))
    if model is not None and renamed in model.model_fields:
        return f"; it is called '{renamed}' now"
    return nearest(str(place[-1]), model.model_fields) if model is not None else ""
