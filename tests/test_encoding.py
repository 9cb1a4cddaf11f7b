"""Text files and pipes are UTF-8 whatever the locale."""

import ast
from collections.abc import Iterator
from pathlib import Path

import foundry_bench

PACKAGE = Path(foundry_bench.__file__).parent


def test_every_text_file_and_pipe_of_the_package_names_its_encoding() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{line}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for line in unnamed(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_finds_calls_without_an_encoding() -> None:
    text = (
        "path.read_text()\n"
        "path.write_text(text)\n"
        "path.open()\n"
        "open(path, 'w')\n"
        "run(words, text=True)\n"
        "path.open('rb')\n"
        "os.open(path, os.O_RDONLY)\n"
        "path.read_text(encoding='utf-8')\n"
        "run(words, text=True, encoding='utf-8')\n"
    )
    assert list(unnamed(text)) == [1, 2, 3, 4, 5]


def unnamed(source: str) -> Iterator[int]:
    """Lines of calls that would use the encoding of the locale."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and _is_text(node):
            keywords = {keyword.arg for keyword in node.keywords}
            if "encoding" not in keywords:
                yield node.lineno


def _is_text(call: ast.Call) -> bool:
    function = call.func
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    for word in ("text", "universal_newlines"):
        value = keywords.get(word)
        if isinstance(value, ast.Constant) and value.value is True:
            return True
    is_method = isinstance(function, ast.Attribute)
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if is_method and name in ("read_text", "write_text"):
        return True
    if name not in ("open", "fdopen", "NamedTemporaryFile", "TemporaryFile"):
        return False
    owner = ast.unparse(function.value) if isinstance(function, ast.Attribute) else ""
    if name == "open" and (owner == "os" or owner.endswith((".zip", "tarfile", "Image"))):
        return False
    positions = 0 if name == "open" and is_method else 1
    default = "w+b" if name.endswith("TemporaryFile") else "r"
    index = 0 if name.endswith("TemporaryFile") else positions
    mode = keywords.get("mode") or (call.args[index] if len(call.args) > index else None)
    if mode is None:
        return "b" not in default
    return isinstance(mode, ast.Constant) and isinstance(mode.value, str) and "b" not in mode.value
