"""The reference of the command line, from the commands themselves."""

from typing import Any

import typer

from foundry_bench.cli.main import VERBS, app

_HEAD = """\
# The command line

Every verb with its options, as `--help` tells them. Exit codes: 0 done, 1 some trials failed or a
check is off, 2 a mistake in what was given, which is told in one message: what was given, what was
expected, what to do. What was finished is kept, whatever happens.
"""


def describe_verbs() -> str:
    """The page, in Markdown."""
    group: Any = typer.main.get_command(app)
    context = group.make_context("foundry-bench", [], resilient_parsing=True)
    sections = [_HEAD]
    for verb in VERBS:
        sections += _describe(f"foundry-bench {verb}", group.get_command(context, verb), context)
    return "\n".join(sections)


def _describe(name: str, command: Any, parent: Any, level: int = 2) -> list[str]:
    context = type(parent)(command, info_name=name.rpartition(" ")[2], parent=parent)
    inner = getattr(command, "commands", {})
    sections = [f"\n{'#' * level} {name}\n", _text(command.help or ""), ""]
    if not inner:
        usage = " ".join([name, *command.collect_usage_pieces(context)])
        sections += ["```sh", usage, "```", "", *_parameters(command, context)]
    if command.epilog:
        examples = command.epilog.replace("\b", "").replace("Examples:", "").strip("\n")
        lines = [line.removeprefix("  ") for line in examples.splitlines()]
        sections += ["Examples:", "", "```sh", *lines, "```", ""]
    for word, each in inner.items():
        sections += _describe(f"{name} {word}", each, context, level + 1)
    return sections


def _parameters(command: Any, context: Any) -> list[str]:
    lines = []
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is None or "--help" in parameter.opts:
            continue
        name, said = record
        lines.append(f"| `{_cell(name)}` | {_cell(said).replace('<', '&lt;')} |")
    return ["| option | |", "|---|---|", *lines, ""] if lines else []


def _text(said: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in said.split("\n\n"))


def _cell(said: str) -> str:
    return " ".join(said.split()).replace("|", "\\|")
