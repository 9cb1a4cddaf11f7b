"""The fields that the trials of a sweep vary: axes, and the settings of baselines and ablations."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from foundry_bench.config.fields import field_at, takes_sequence
from foundry_bench.config.source import Place
from foundry_bench.config.sweep import SweepConfig

ROOTS = ("teacher", "student", "data", "train")
"""The parts of a sweep that may vary."""

_ENDS = ("low", "high")


@dataclass(frozen=True)
class Variation:
    """The values that one dotted path takes.

    Attributes:
        place: where the file says so.
        path: the field.
        values: with the place of each.
    """

    place: Place
    path: str
    values: tuple[tuple[Place, Any], ...]


def axes_of(values: Mapping[str, Any]) -> list[Variation]:
    """The axes of a sweep's plain values; what is malformed is left out."""
    return [
        Variation(place, str(path), _each(place, found))
        for path, found in _mapping(values.get("axes")).items()
        if isinstance(found, list)
        for place in [("axes", path)]
    ]


def ranges_of(values: Mapping[str, Any]) -> list[Variation]:
    """The axes that are ranges, each with its ends as values; what is malformed is left out."""
    return [
        Variation(
            ("axes", path),
            str(path),
            tuple((("axes", path, name), found[name]) for name in _ENDS),
        )
        for path, found in _mapping(values.get("axes")).items()
        if isinstance(found, Mapping) and set(_ENDS) <= set(found)
    ]


def baselines_of(values: Mapping[str, Any]) -> dict[str, list[Variation]]:
    """The settings of each baseline that has its own."""
    return _named(values, "baselines")


def ablations_of(values: Mapping[str, Any]) -> dict[str, list[Variation]]:
    """The settings of each ablation."""
    return _named(values, "ablations")


def combinations(variations: list[Variation]) -> Iterator[dict[str, Any]]:
    """All combinations of values, the last path varying fastest."""
    choices = ([value for _, value in variation.values] for variation in variations)
    for chosen in product(*choices):
        yield {variation.path: value for variation, value in zip(variations, chosen, strict=True)}


def _named(values: Mapping[str, Any], part: str) -> dict[str, list[Variation]]:
    return {
        str(name): [
            _variation(values, place, path, value)
            for place, path, value in _leaves((part, name), "", settings)
        ]
        for name, settings in _mapping(values.get(part)).items()
        if isinstance(settings, Mapping)
    }


def _leaves(
    place: Place, path: str, settings: Mapping[str, Any]
) -> Iterator[tuple[Place, str, Any]]:
    """The fields of nested settings, with the choice of a registered class as one value."""
    for key, value in settings.items():
        below, dotted = (*place, key), f"{path}.{key}" if path else str(key)
        if isinstance(value, Mapping) and "name" not in value:
            yield from _leaves(below, dotted, value)
        else:
            yield below, dotted, value


def _variation(values: Mapping[str, Any], place: Place, path: str, value: object) -> Variation:
    field = field_at(SweepConfig, values, path)
    if isinstance(value, list) and not (field is not None and takes_sequence(field)):
        return Variation(place, path, _each(place, value))
    return Variation(place, path, ((place, value),))


def _each(place: Place, found: list[Any]) -> tuple[tuple[Place, Any], ...]:
    return tuple(((*place, index), value) for index, value in enumerate(found))


def _mapping(value: object) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else {}
