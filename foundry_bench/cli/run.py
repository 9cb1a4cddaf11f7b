"""`foundry-bench run`: one trial, without Ray."""

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """\
foundry-bench run runs/supertokens/trials/foundry-s4-seed0-1a2b3c4d/trial.yaml --out runs/once
"""


def command(
    file: Annotated[
        Path, typer.Argument(help="A resolved trial, as a sweep saves it: trials/<id>/trial.yaml.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Output folder; runs/<sweep name> by default.")
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option(help="Where finished stages are kept and found; OUT/store by default."),
    ] = None,
) -> None:
    """Run one resolved trial in this process; the same trial gives the same numbers as in its
    sweep.

    Stages that the store holds are not computed again; with another --out all of them are.
    Exit code 1 if it failed.
    """
    from foundry_bench import provenance
    from foundry_bench.cli.console import stdout
    from foundry_bench.config.load import load_trial
    from foundry_bench.config.sweepcheck import impossible
    from foundry_bench.errors import FoundryError
    from foundry_bench.store import Store
    from foundry_bench.sweep import references
    from foundry_bench.sweep.expand import trial_id
    from foundry_bench.sweep.folder import Folder
    from foundry_bench.sweep.group import in_order, run_group
    from foundry_bench.sweep.planning import PLANNER, load_planner
    from foundry_bench.sweep.preflight import check_inputs
    from foundry_bench.sweep.single import print_trial, shown_progress

    trial = load_trial(file)
    if message := impossible(trial.teacher, trial.student, trial.train):
        raise FoundryError(f"{file}: {message}")
    if trial.device == "cuda" and not provenance.num_gpus():
        raise FoundryError(f"{file}: device: given 'cuda', but there is no CUDA device")
    check_inputs([trial])
    folder = Folder((out or Path("runs") / trial.sweep).absolute())
    stages = Store(store or folder.root / "store")
    console = stdout()
    with folder.hold():
        if (folder.root / "sweep.yaml").exists() and trial_id(trial) not in folder.identities():
            raise FoundryError(
                f"{folder.root} is the folder of a sweep without the trial {trial_id(trial)}; "
                "give another with --out"
            )
        folder.save(trial)
        folder.note_changed()
        references.add(stages.root, folder.root, in_order(load_planner(PLANNER)(trial)))
        with shown_progress(console) as report:
            records = run_group([trial], stages, folder.root, report, load_planner(PLANNER))
    print_trial(records[0], folder, console)
    if not stages.ran:
        console.print(
            "nothing to run: all stages are in the store; to compute them again: --out elsewhere",
            soft_wrap=True,
        )
    raise typer.Exit(0 if records[0].status == "done" else 1)
