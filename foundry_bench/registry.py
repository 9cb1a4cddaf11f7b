"""Names of teachers, students, tasks, datasets, assignments and figures, and where they live.

A table maps a name to `module:Class` (of a figure, `module:function`) and one line of description.
Listing a registry imports none of these (nor torch); `get` imports the one of a name. Other
packages add entries through the entry-point group `foundry_bench.plugins`, each named
`<registry>.<name>`, for example in their `pyproject.toml`:

    [project.entry-points."foundry_bench.plugins"]
    "students.mine" = "my_package.mine:MyStudent"
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from importlib import import_module
from importlib.metadata import entry_points
from typing import Generic, TypeVar, cast

from foundry_bench.errors import FoundryError

ENTRY_POINT_GROUP = "foundry_bench.plugins"

T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """One line of a registry.

    Attributes:
        target: `module:Class`, or `module:function`.
        summary: what it is, in one line.
        origin: the distribution that brings it.
    """

    target: str
    summary: str
    origin: str = "foundry-bench"


class Registry(Generic[T]):
    """A lazy table of classes of one kind."""

    def __init__(self, kind: str, table: Mapping[str, tuple[str, str]]) -> None:
        """`kind` is the plural word of the command line; `table` maps name to (target, summary)."""
        self.kind = kind
        self._own = {name: Entry(target, summary) for name, (target, summary) in table.items()}

    @cached_property
    def entries(self) -> Mapping[str, Entry]:
        """All entries by name, those of the package first."""
        found = dict(self._own)
        for point in entry_points(group=ENTRY_POINT_GROUP):
            kind, _, name = point.name.partition(".")
            if kind == self.kind and name not in found:
                origin = point.dist.name if point.dist else "unknown"
                found[name] = Entry(point.value, f"from {origin}", origin)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __contains__(self, name: object) -> bool:
        return name in self.entries

    def get(self, name: str) -> type[T]:
        """The class called `name`.

        Raises:
            FoundryError: if there is none (with the nearest names), or if a plug-in's class cannot
                be imported.
        """
        if name not in self.entries:
            raise FoundryError(unknown(self.kind.removesuffix("s"), name, self.entries))
        entry = self.entries[name]
        module, _, attribute = entry.target.partition(":")
        try:
            return cast(type[T], getattr(import_module(module), attribute))
        except (ImportError, AttributeError) as error:
            raise FoundryError(
                f"{self.kind.removesuffix('s')} '{name}' of {entry.origin} cannot be loaded from "
                f"{entry.target}: {error}"
            ) from error


def unknown(what: str, given: str, known: Iterable[str]) -> str:
    """A message for a name that is not known, with the nearest ones or all of them."""
    return f"unknown {what} '{given}'{nearest(given, known)}"


def nearest(given: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or the names there are; nothing if there are none."""
    names = sorted(known)
    near = get_close_matches(given, names, n=1, cutoff=0.6)
    if near:
        return f"; did you mean '{near[0]}'?"
    return f"; known: {', '.join(names)}" if names else ""
