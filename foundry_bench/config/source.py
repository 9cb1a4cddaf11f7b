"""YAML 1.2 text as plain values, each with the line it stands on."""

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.representer import SafeRepresenter

from foundry_bench.errors import FoundryError

Place = tuple[str | int, ...]
"""Keys and indices from the top of a file to a value."""


@dataclass
class Source:
    """A parsed file.

    Attributes:
        label: what messages call it.
        origins: where the value at a place was given, such as `sweeps/a.yaml:12`.
        faults: pairs of place and message, of what the text itself has wrong.
    """

    label: str
    value: Any = None
    origins: dict[Place, str] = field(default_factory=dict)
    faults: list[tuple[Place, str]] = field(default_factory=list)

    def origin(self, place: Place) -> str:
        """Where the value at `place` was given, or something in it, or what should contain it."""
        if place in self.origins:
            return self.origins[place]
        inside = (self.origins[known] for known in self.origins if known[: len(place)] == place)
        around = (self.origins.get(place[:length]) for length in range(len(place) - 1, 0, -1))
        return (place and next(inside, None)) or next(filter(None, around), self.label)


def parse_file(path: Path) -> Source:
    """The values of a YAML file.

    Raises:
        FoundryError: if it cannot be read or is not YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise FoundryError(f"{path}: there is no such file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise FoundryError(f"{path}: cannot be read as text: {error}") from error
    return parse(text, str(path))


def parse(text: str, label: str) -> Source:
    """The values of YAML text; `label` stands for it in messages.

    Raises:
        FoundryError: if it is not YAML.
    """
    yaml = YAML(typ="safe", pure=True)
    source = Source(label)
    try:
        root = yaml.compose(text)
        if root is not None:
            source.value = _Builder(yaml, source).build(root, ())
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{label}:{mark.line + 1}" if mark else label
        raise FoundryError(f"{where}: not YAML 1.2: {error.problem or error.context}") from error
    except YAMLError as error:
        raise FoundryError(f"{label}: not YAML 1.2: {error}") from error
    return source


class _Builder:
    """Turns the nodes of one document into values, noting lines and duplicate keys."""

    def __init__(self, yaml: YAML, source: Source) -> None:
        self.construct = yaml.constructor.construct_object
        self.source = source
        self.open_nodes: set[int] = set()

    def build(self, node: Node, place: Place) -> Any:
        if id(node) in self.open_nodes:
            raise YAMLError(f"the alias on line {node.start_mark.line + 1} contains itself")
        self.open_nodes.add(id(node))
        try:
            if isinstance(node, MappingNode):
                return self.mapping(node, place)
            if isinstance(node, SequenceNode):
                return [self.item(child, (*place, i)) for i, child in enumerate(node.value)]
            return self.construct(node)
        finally:
            self.open_nodes.remove(id(node))

    def mapping(self, node: MappingNode, place: Place) -> dict[Any, Any]:
        values: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                raise YAMLError(f"the key on line {key_node.start_mark.line + 1} is not a scalar")
            key = self.construct(key_node)
            here = (*place, key)
            if key in values:
                origin = self.source.origin(here)
                self.source.faults.append((here, f"given twice, first at {origin}"))
            self.note(key_node, here)
            values[key] = self.build(value_node, here)
        return values

    def item(self, node: Node, place: Place) -> Any:
        self.note(node, place)
        return self.build(node, place)

    def note(self, node: Node, place: Place) -> None:
        self.source.origins[place] = f"{self.source.label}:{node.start_mark.line + 1}"


def dump_yaml(settings: BaseModel) -> str:
    """`settings` as YAML 1.2 that loads to equal settings."""
    return yaml_text(settings.model_dump(mode="json"))


def yaml_text(value: Any) -> str:
    """Plain values as YAML 1.2."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Representer = _Representer
    yaml.default_flow_style = None  # short collections on one line
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = 100
    text = io.StringIO()
    yaml.dump(value, text)
    return text.getvalue()


class _Representer(SafeRepresenter):
    """Quotes text that ruamel writes plain and then cannot read back."""


def _represent_text(representer: SafeRepresenter, text: str) -> ScalarNode:
    style = '"' if text.startswith((":", "?")) else None
    return representer.represent_scalar("tag:yaml.org,2002:str", text, style)


_Representer.add_representer(str, _represent_text)
