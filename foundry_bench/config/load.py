"""Files to settings and back; everything that is wrong with a file in one message."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from foundry_bench.config.faults import Fault, faults_of, render, shown
from foundry_bench.config.overrides import override
from foundry_bench.config.paths import is_path, unset_variables, with_variables
from foundry_bench.config.settings import Settings
from foundry_bench.config.source import Place, Source, dump_yaml, parse_file
from foundry_bench.config.sweep import SweepConfig, TrialConfig
from foundry_bench.config.sweepcheck import sweep_faults
from foundry_bench.errors import FoundryError
from foundry_bench.resources import find_sweep

__all__ = ["dump_yaml", "load_settings", "load_sweep", "load_trial"]

S = TypeVar("S", bound=Settings)


def load_sweep(path: Path, overrides: Sequence[str] = ()) -> SweepConfig:
    """The sweep in the file `path`, with fields changed as by `--set`.

    A shipped sweep may be given by its name. `${NAME}` in a path (of data, of a teacher's weights
    or preset) becomes the value of the environment variable.

    Raises:
        FoundryError: all faults of file, overrides, axes, baselines, ablations, each with its line.
    """
    source = parse_file(find_sweep(path))
    faults: list[Fault] = []
    for text in overrides:
        try:
            override(source, text)
        except FoundryError as error:
            faults.append(Fault((), str(error), f"--set {text}"))
    return _load(source, SweepConfig, sweep_faults, faults)


def load_trial(path: Path) -> TrialConfig:
    """The resolved trial in the file `path`, as a sweep saves it.

    Raises:
        FoundryError: all faults of the file, each with line and dotted path.
    """
    return load_settings(path, TrialConfig)


def load_settings(path: Path, kind: type[S]) -> S:
    """The `kind` of settings that the file `path` holds.

    Raises:
        FoundryError: all faults of the file, each with line and dotted path.
    """
    return _load(parse_file(path), kind, _shape_faults(kind), [])


def _load(
    source: Source,
    kind: type[S],
    check: Callable[[Mapping[str, Any]], list[Fault]],
    faults: list[Fault],
) -> S:
    faults += [Fault(place, message) for place, message in source.faults]
    if not isinstance(source.value, Mapping):
        faults.append(Fault((), f"given {shown(source.value)}, expected a mapping of fields"))
        raise FoundryError(render(source.label, faults, source))
    values = _expanded(source.value, (), faults)
    faults += check(values)
    if faults:
        raise FoundryError(render(source.label, faults, source))
    return kind.model_validate(values)


def _shape_faults(kind: type[S]) -> Callable[[Mapping[str, Any]], list[Fault]]:
    def check(values: Mapping[str, Any]) -> list[Fault]:
        try:
            kind.model_validate(values)
        except ValidationError as error:
            return faults_of(error, kind, values)
        return []

    return check


def _expanded(value: Any, place: Place, faults: list[Fault]) -> Any:
    """`value` with environment variables put into every path; each unset one is a fault."""
    if isinstance(value, Mapping):
        return {key: _expanded(inner, (*place, key), faults) for key, inner in value.items()}
    if isinstance(value, list):
        return [_expanded(inner, (*place, i), faults) for i, inner in enumerate(value)]
    if not (isinstance(value, str) and is_path(".".join(map(str, place)))):
        return value
    for name in unset_variables(value):
        message = f"given {shown(value)}, but the environment variable {name} is not set"
        faults.append(Fault(place, f"{message}: set it, or give the path itself"))
    return with_variables(value)
