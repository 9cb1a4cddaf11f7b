"""`foundry-bench profile`: what a teacher and its students cost."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from foundry_bench.cli import counts, profile_latency, profile_memory, scenes
from foundry_bench.cli.profile_options import (
    BUDGETS,
    NUM_CLASSES,
    SUPERTOKENS,
    TEACHER,
    Budgets,
    Classes,
    DistilledFolders,
    Out,
    Preset,
    Students,
    Supertokens,
    TeacherName,
    Weights,
    numbers_of,
    planned_subjects,
    run_stages,
    source_of,
    store_in,
)
from foundry_bench.errors import FoundryError

if TYPE_CHECKING:
    from foundry_bench.data.loader import DatasetLoader
    from foundry_bench.record import Record
    from foundry_bench.stage import Stage

EXAMPLES = """
foundry-bench profile flops
foundry-bench profile flops --preset small --student foundry --student light_tokenizer
foundry-bench profile flops --student foundry --supertokens 4 --operators
foundry-bench profile flops --distilled runs/gate/store/stages/KEY --out runs/flops
foundry-bench profile flops --preset paper_count --json
"""
EPILOG = "\b\nExamples:\n" + "\n".join(f"  {line}" for line in EXAMPLES.split("\n") if line)
PAPER_COUNT = "paper_count"
NUM_CLOUDS = 256

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)

DataName = Annotated[
    str | None,
    typer.Option(
        "--data", help="Whose test clouds gated students are counted on; by default shapes."
    ),
]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Any of the dataset's settings."),
]
Clouds = Annotated[
    int | None, typer.Option(min=1, help=f"How many of those; by default {NUM_CLOUDS}.")
]


@app.callback()
def describe() -> None:
    """Count and measure what a teacher and its students cost."""


app.command("latency", epilog=profile_latency.EPILOG)(profile_latency.latency)
app.command("memory", epilog=profile_memory.EPILOG)(profile_memory.memory)
app.command("scenes", epilog=scenes.EPILOG)(scenes.scenes)
app.command("trials", epilog=counts.EPILOG)(counts.trials)


@app.command(epilog=EPILOG)
def flops(
    teacher: TeacherName = None,
    preset: Preset = "tiny",
    weights: Weights = None,
    students: Students = None,
    supertokens: Supertokens = None,
    budgets: Budgets = None,
    distilled: DistilledFolders = None,
    data: DataName = None,
    changes: Changes = None,
    clouds: Clouds = None,
    classes: Classes = None,
    operators: Annotated[
        bool, typer.Option("--operators", help="Show each part's operators too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    out: Out = None,
) -> None:
    """MACs, FLOPs and other operations of one cloud, by part and operator, and the size of weights.

    Students are counted with the weights they start with, which matters to gated ones alone: those
    get a mean and a 95th percentile over test clouds. Exit code 1 if one could not be counted.
    """
    from foundry_bench.cost.flops import FlopsProfile
    from foundry_bench.cost.planning import Sizes
    from foundry_bench.cost.rows import write_tables

    with store_in(out) as store:
        if preset == PAPER_COUNT:
            models = (teacher, weights, students, supertokens, budgets, distilled)
            stages = _paper_stages((*models, data, changes, clouds, classes))
            notes: list[str] = []
        else:
            source = source_of(teacher or TEACHER, preset, weights)
            num_clouds = clouds or NUM_CLOUDS
            profile = FlopsProfile(
                source,
                _loader(data, changes or [], num_clouds, source.architecture.points),
                num_classes=classes or NUM_CLASSES,
                num_clouds=num_clouds,
                cache=store.root / "data",
            )
            sizes = Sizes(
                numbers_of("--supertokens", supertokens or SUPERTOKENS),
                numbers_of("--budgets", budgets or BUDGETS),
                source.architecture,
            )
            subjects, notes = planned_subjects(source, students, distilled or [], sizes)
            stages = [profile.stage(each.settings, each.distilled) for each in subjects]
        records, failures = run_stages(stages, store)
    if out is not None:
        notes += [f"wrote {path}" for path in write_tables(out, records)]
    notes += [note for record in records if (note := _silence(record))]
    _show(records, preset, operators=operators, as_json=as_json)
    for note in (*notes, *failures):
        typer.echo(note, err=True)
    raise typer.Exit(1 if failures else 0)


def _loader(
    name: str | None, changes: list[str], num_clouds: int, num_points: int
) -> "DatasetLoader":
    """The dataset asked for, or as few shapes as will do: those that any other number of them would
    begin with.
    """
    from foundry_bench.cli.data import loader_from
    from foundry_bench.data.shapes import CLASSES

    if name is None and changes:
        raise FoundryError("--set changes the settings of --data: give that too")
    few = {"train": len(CLASSES), "unlabelled": 0, "test": max(num_clouds, len(CLASSES))}
    few["points"] = max(1024, num_points)
    own = [f"{key}={value}" for key, value in few.items()] if name is None else changes
    return loader_from(name or "shapes", None, None, own)


def _paper_stages(choices: Sequence[object]) -> "list[Stage]":
    from foundry_bench.cost.paper import PUBLISHED_GIGA, paper_stage

    if any(choice is not None for choice in choices):
        raise FoundryError(
            f"--preset {PAPER_COUNT} counts the paper's three models as they are: give no other "
            "teacher, student, size, data or head with it"
        )
    return [paper_stage(supertokens) for supertokens in PUBLISHED_GIGA]


def _silence(record: "Record") -> str | None:
    """That parts of a model cost nothing, which a plug-in's author should know."""
    num = int(record.metrics["silent_modules"])
    student = record.config["student"] or {"name": "teacher"}
    return f"{student['name']}: {num} modules with parameters were not used" if num else None


def _show(records: "Sequence[Record]", preset: str, *, operators: bool, as_json: bool) -> None:
    from foundry_bench.cli.console import stdout
    from foundry_bench.cli.costs import flops_table, operators_table, paper_table, sizes_table
    from foundry_bench.cost.rows import program_rows

    if as_json:
        typer.echo(json.dumps(program_rows(records), indent=1))
        return
    console = stdout()
    if preset == PAPER_COUNT:
        console.print(paper_table(records))
    else:
        console.print(flops_table(records, preset), sizes_table(records))
    if operators:
        console.print(operators_table(records))
