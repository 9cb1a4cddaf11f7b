"""`foundry-bench`: finds the verb that was asked for; its errors become messages and exit codes.

A verb's module is imported when the verb is called or help is asked, so that each starts as fast
as it can. It has a function `command` or, for verbs with verbs of their own, a typer app `app`;
`EXAMPLES` ends its help.
"""

import errno
import io
import sys
import warnings
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from foundry_bench.cli.console import epilog
from foundry_bench.errors import FoundryError
from foundry_bench.registry import unknown

VERBS = (
    *("sweep", "status", "report", "claims", "compare", "pack"),
    *("run", "profile", "choose", "export"),
    *("list", "data", "teacher", "schema", "ui", "mlflow", "store"),
)
INTERRUPTED = "interrupted; what was finished is kept, and the same command goes on from there"


class VerbGroup(TyperGroup):
    """The verbs, imported one by one as they are needed."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The verbs in the order in which help shows them."""
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The verb called `cmd_name`, or None."""
        if cmd_name not in VERBS:
            return None
        module = import_module(f"foundry_bench.cli.{cmd_name}")
        holder = typer.Typer(rich_markup_mode=None)
        if hasattr(module, "app"):
            holder.add_typer(module.app, name=cmd_name)
        else:
            holder.command(cmd_name)(module.command)
        command = typer.main.get_group(holder).commands[cmd_name]
        if hasattr(module, "EXAMPLES"):
            command.epilog = epilog(module.EXAMPLES)
        return command

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The verb that the arguments open with.

        Raises:
            FoundryError: if there is no such verb, with the nearest.
        """
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            raise FoundryError(unknown("verb", args[0], list(VERBS)))
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the verb; what a user is meant to read is printed without traceback."""
        try:
            return super().invoke(ctx)
        except FoundryError as error:
            raise _end(str(error), 2) from error
        except KeyboardInterrupt as interrupt:
            raise _end(str(interrupt) or INTERRUPTED, 130) from interrupt
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise _end(f"the disk is full: {error}; free space and call again", 2) from error
            if error.filename is None:
                raise
            raise _end(f"cannot use {error.filename}: {error.strerror}", 2) from error


app = typer.Typer(
    cls=VerbGroup,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog="Start with: foundry-bench sweep sweeps/smoke.yaml",
)


def _end(message: str, code: int) -> typer.Exit:
    typer.echo(f"foundry-bench: {message}", err=True)
    return typer.Exit(code)


def _show_version(wanted: bool) -> None:
    if wanted:
        try:
            typer.echo(f"foundry-bench {version('foundry-bench')}")
        except PackageNotFoundError:
            typer.echo("foundry-bench, not installed")
        raise typer.Exit


@app.callback()
def describe(
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Distil 3D point-cloud models into students with SuperTokens, and measure the price.

    A sweep file goes in, trials run, records come out; reports are made from records alone.
    """


def main() -> None:
    """Run the command line and leave with its exit code: 0 done, 1 trials failed, 2 user error."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    if isinstance(sys.stdout, io.TextIOWrapper):
        # a Windows console or a log file may not have all letters that names and tables have
        sys.stdout.reconfigure(errors="replace")
    app()
