"""The reference of the sweep file, from its JSON schema: type, default, meaning of every field."""

import json
from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]

_HEAD = """\
# The sweep file

Every field that a sweep file may have, made from the schema that checks it. An editor completes and
checks a file that opens with `# yaml-language-server: $schema=schema.json`; `foundry-bench schema
--out schema.json` writes it. A field may be varied by its dotted path in `axes`, and set by `--set
path=value`. Unknown fields are errors, all of them told at once, with line and nearest name. What
has several kinds takes a word, `student: foundry`, or the word with its settings, `student: {name:
foundry, supertokens: 4}`.
"""
_WORDS = {"integer": "whole number", "boolean": "true or false", "string": "text", "null": "null"}
_BOUNDS = {
    "minimum": "≥",
    "exclusiveMinimum": ">",
    "maximum": "≤",
    "exclusiveMaximum": "<",
}


def describe_fields(schema: Schema) -> str:
    """The page, in Markdown."""
    book = _Book()
    sections = [_section("The file", schema, book)]
    sections += [_section(name, part, book) for name, part in schema["$defs"].items()]
    for name, choices in book.pending():
        sections.append(f"\n## Kinds of `{name}`\n")
        for choice in choices:
            word = choice["properties"]["name"]["const"]
            sections.append(_section(f"{name}: {word}", choice["allOf"][0], book, level=3))
    return "\n".join([_HEAD, *sections])


class _Book:
    """The kinds that fields may have, each described once however many fields have them."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._waiting: list[tuple[str, list[Schema]]] = []

    def name_of(self, field: str, choices: list[Schema]) -> str:
        """What the kinds are called: the first field that has them."""
        key = json.dumps([choice["properties"]["name"]["const"] for choice in choices])
        if key not in self._names:
            self._names[key] = field
            self._waiting.append((field, choices))
        return self._names[key]

    def pending(self) -> Iterator[tuple[str, list[Schema]]]:
        """Those not described yet, among them what describing others brings up."""
        while self._waiting:
            yield self._waiting.pop(0)


def _section(title: str, schema: Schema, book: _Book, level: int = 2) -> str:
    lines = [f"\n{'#' * level} {title}\n", _one_line(schema.get("description", "")), ""]
    fields = {name: field for name, field in schema.get("properties", {}).items() if name != "name"}
    if "name" in schema.get("properties", {}) and level == 2:
        fields = schema["properties"]
    if not fields:
        return "\n".join([*lines, "No settings.\n"])
    lines += ["| field | type | default | |", "|---|---|---|---|"]
    for name, field in fields.items():
        default = _default(name, field, schema)
        said = _one_line(field.get("description", ""))
        kind = _type(name.removesuffix("s"), field, book).replace("|", "\\|")
        lines.append(f"| `{name}` | {kind} | {default} | {said} |")
    return "\n".join([*lines, ""])


def _default(name: str, field: Schema, owner: Schema) -> str:
    if name in owner.get("required", []) or "default" not in field:
        return "must be given" if name in owner.get("required", []) else ""
    value = field["default"]
    if isinstance(value, dict) and value:
        return "its own defaults"
    return f"`{json.dumps(value, ensure_ascii=False)}`".replace("|", "\\|")


def _type(name: str, field: Schema, book: _Book) -> str:
    """What may stand there; kinds are named after the field `name`."""
    if "$ref" in field:
        title = field["$ref"].rpartition("/")[2]
        return f"[{title}](#{title.lower()})"
    if "enum" in field or "const" in field:
        return ", ".join(f"`{value}`" for value in field.get("enum", [field.get("const")]))
    if "anyOf" in field:
        return _either(name, field["anyOf"], book)
    if field.get("type") == "array":
        items = field.get("items") or {"anyOf": field.get("prefixItems", [])}
        inner = _type(name, items, book) if items != {"anyOf": []} else ""
        return f"list of {inner}" if inner else "list"
    if field.get("type") == "object":
        inner = field.get("additionalProperties")
        return f"name → {_type(name, inner, book)}" if isinstance(inner, dict) else "mapping"
    bounds = [f"{sign} {field[key]:g}" for key, sign in _BOUNDS.items() if key in field]
    kind = field.get("type", "anything")
    return " ".join([_WORDS.get(kind, kind), ", ".join(bounds)]).strip()


def _either(name: str, options: list[Schema], book: _Book) -> str:
    choices = [
        each for each in options if "allOf" in each and "const" in each["properties"]["name"]
    ]
    kinds = {each["properties"]["name"]["const"] for each in choices}
    words = []
    if choices:
        title = book.name_of(name, choices)
        words.append(f"[a kind of {title}](#kinds-of-{title})")
    for each in options:
        if each in choices or kinds.issuperset(each.get("enum", [None])):
            continue
        words.append(_type(name, each, book))
    return ", or ".join(dict.fromkeys(words))


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
