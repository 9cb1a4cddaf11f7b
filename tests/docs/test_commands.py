"""Every command that a document shows is one that the command line takes."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from foundry_bench.cli.main import app

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "reports/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
_COMMAND = re.compile(r"(?:^|`)(?:[A-Z_]+=\S+ )?foundry-bench( [a-z][^`]*)", re.MULTILINE)


def _commands(text: str) -> list[list[str]]:
    """The words of each command in code, without remarks."""
    joined = re.sub(r" \\\n\s*", " ", text)
    blocks = re.findall(r"```(?:sh)?\n(.*?)```", joined, flags=re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    inline = re.findall(
        r"`(foundry-bench [a-z][^`]*)`", re.sub(r"```.*?```", "", joined, flags=re.S)
    )
    found = [" ".join(each.split()) for each in [*lines, *inline] if "foundry-bench " in each]
    matches = [_COMMAND.search(each) for each in found]
    return [shlex.split(match[1], comments=True) for match in matches if match]


def _parse(words: list[str]) -> None:
    group: Any = typer.main.get_command(app)
    context = group.make_context("foundry-bench", [], resilient_parsing=True)
    command = group
    while words and (inner := getattr(command, "get_command", None)):
        command, words = inner(context, words[0]), words[1:]
        assert command is not None
        if not words:
            return
    context = type(context)(command, info_name="verb", parent=context)
    command.make_parser(context).parse_args(args=list(words))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_commands_parse(path: Path) -> None:
    for words in _commands(path.read_text(encoding="utf-8")):
        _parse(words)


def test_a_command_that_is_none_is_found_out() -> None:
    with pytest.raises(Exception, match="No such option"):
        _parse(["sweep", "sweeps/smoke.yaml", "--dryrun"])


def test_commands_are_found_in_blocks_and_in_lines() -> None:
    text = (
        "a `foundry-bench list tasks` b\n\n```sh\nX=1 foundry-bench run f \\\n  --out o  # c\n```\n"
    )

    assert sorted(_commands(text)) == [["list", "tasks"], ["run", "f", "--out", "o"]]
