"""`foundry-bench sweep`: all trials of a sweep file."""

import shlex
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foundry_bench.errors import FoundryError
from foundry_bench.registry import unknown

if TYPE_CHECKING:
    from foundry_bench.config.sweep import SweepConfig
    from foundry_bench.record import Status
    from foundry_bench.sweep.execution import Call

EXAMPLES = """\
foundry-bench sweep sweeps/supertokens.yaml
foundry-bench sweep sweeps/supertokens.yaml --dry-run
foundry-bench sweep sweeps/supertokens.yaml --set train.distill.epochs=3 --out runs/short
foundry-bench sweep sweeps/supertokens.yaml --retry failed,oom
foundry-bench sweep sweeps/search.yaml --set search.trials=40
foundry-bench sweep sweeps/supertokens.yaml --address auto --out /shared/runs/supertokens
"""

RETRIED: tuple["Status", ...] = ("failed", "oom", "diverged", "pruned")


def command(
    file: Annotated[Path, typer.Argument(help="The sweep file.")],
    out: Annotated[
        Path | None, typer.Option(help="Output folder; runs/<sweep name> by default.")
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option(help="Where finished stages are kept and found; OUT/store by default."),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="Override a field of the file."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would run, and run nothing.")
    ] = False,
    smoke: Annotated[
        bool, typer.Option("--smoke", help="Run every variant for a moment, and keep nothing.")
    ] = False,
    retry: Annotated[
        str, typer.Option(help="Run trials again that ended so: failed, oom, diverged, pruned.")
    ] = "",
    address: Annotated[
        str | None,
        typer.Option(
            help="A Ray cluster to run on: auto, HOST:PORT or ray://HOST:PORT; OUT and the store "
            "are then on a path that all its machines share. By default this machine alone."
        ),
    ] = None,
) -> None:
    """Run the trials of a sweep file that have not ended yet; called again, it goes on where it
    was.

    With `search:` in the file Optuna suggests which combinations of the axes to try, and is told
    again what came of those that were tried.

    Exit code 1 if some trials failed.
    """
    from foundry_bench.cli.console import stdout
    from foundry_bench.config.load import load_sweep
    from foundry_bench.sweep.execution import run_sweep
    from foundry_bench.sweep.folder import Folder
    from foundry_bench.sweep.summary import summary

    statuses = parse_retry(retry)
    sweep = load_sweep(file, overrides or [])
    out = out or Path("runs") / sweep.name
    with ExitStack() as stack:
        call = replace(
            placed(sweep, out.absolute(), address, stack),
            store=(store or out / "store").absolute(),
            retry=statuses,
            command=shlex.join(["foundry-bench", *sys.argv[1:]]),
        )
        console = stdout()
        if dry_run:
            from foundry_bench.sweep.dry_run import dry_run as show_plan

            console.print(show_plan(call))
            return
        if smoke:
            from foundry_bench.sweep.smoke import run_smoke

            raise typer.Exit(run_smoke([*call.trials, *call.corners], console))
        outcome = run_sweep(call, console)
        console.print(summary(outcome, Folder(call.out)))
        raise typer.Exit(1 if outcome.failures else 0)


def placed(sweep: "SweepConfig", out: Path, address: str | None, stack: ExitStack) -> "Call":
    """The call of `sweep` with the slots of this machine, or of the cluster at `address`, which is
    joined for as long as `stack` lasts.

    Raises:
        FoundryError: if there is no such cluster, or the sweep asks for more than there is.
    """
    from foundry_bench import provenance
    from foundry_bench.sweep.execution import Call
    from foundry_bench.sweep.expand import Expansion
    from foundry_bench.sweep.shares import shares, slots_here, slots_of

    if address is None:
        cores, gpus = provenance.num_cores(), provenance.num_gpus()
        share = shares(sweep.resources, cores, gpus)
        slots = slots_here(share, gpus)
    else:
        from foundry_bench.sweep.ray_start import joined

        machines = stack.enter_context(joined(address))
        cores = sum(machine.cpus for machine in machines)
        gpus = sum(machine.gpus for machine in machines)
        share = shares(sweep.resources, cores, gpus)
        is_limited = sweep.resources.concurrent != "auto"
        slots = slots_of(share, machines, is_limited=is_limited)
    expansion = Expansion(sweep, cores, gpus)
    return Call(
        sweep=sweep,
        trials=expansion.known(),
        out=out,
        store=out / "store",
        slots=slots,
        expansion=expansion if sweep.search else None,
        is_joined=address is not None,
    )


def parse_retry(text: str) -> "set[Status]":
    """`failed,oom` as statuses.

    Raises:
        FoundryError: if one of them is not a status that can be run again.
    """
    given = [word.strip() for word in text.split(",") if word.strip()]
    wrong = [word for word in given if word not in RETRIED]
    if wrong:
        raise FoundryError(unknown("status of --retry", wrong[0], list(RETRIED)))
    return {status for status in RETRIED if status in given}
