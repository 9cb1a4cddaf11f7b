"""`foundry-bench profile`: what a teacher and its students cost."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from foundry_bench.cli import counts, profile_measured, scenes
from foundry_bench.cli.console import epilog
from foundry_bench.cli.profile_options import (
    NUM_CLASSES,
    Json,
    Models,
    Out,
    run_stages,
    store_in,
    with_options,
)
from foundry_bench.errors import FoundryError

if TYPE_CHECKING:
    from foundry_bench.data.loader import DatasetLoader
    from foundry_bench.record import Record
    from foundry_bench.stage import Stage

EXAMPLES = """\
foundry-bench profile flops
foundry-bench profile flops --preset small --student foundry --student light_tokenizer
foundry-bench profile flops --student foundry --supertokens 4 --operators
foundry-bench profile flops --preset small --student foundry --parts 50 --classes 16
foundry-bench profile flops --distilled runs/gate/store/stages/KEY --out runs/flops
foundry-bench profile flops --preset paper_count --json
"""
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


for verb, command, examples in (
    ("latency", profile_measured.latency, profile_measured.LATENCY_EXAMPLES),
    ("memory", profile_measured.memory, profile_measured.MEMORY_EXAMPLES),
    ("scenes", scenes.scenes, scenes.EXAMPLES),
    ("trials", counts.trials, counts.EXAMPLES),
):
    app.command(verb, epilog=epilog(examples))(command)


@app.command(epilog=epilog(EXAMPLES))
@with_options
def flops(
    models: Models,
    parts: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Count with the head of part segmentation, for so many parts of points, instead "
            "of that of classification.",
        ),
    ] = None,
    data: DataName = None,
    changes: Changes = None,
    clouds: Clouds = None,
    operators: Annotated[
        bool, typer.Option("--operators", help="Show each part's operators too.")
    ] = False,
    as_json: Json = False,
    out: Out = None,
) -> None:
    """MACs, FLOPs and other operations of one cloud, by part and operator, and the size of weights.

    Students are counted with the weights they start with, which matters to gated ones alone: those
    get a mean and a 95th percentile over test clouds. `--preset paper_count` counts what the
    paper's figures are of. Exit code 1 if one could not be counted.
    """
    from foundry_bench.cost.flops import FlopsProfile
    from foundry_bench.cost.heads import HeadSpec
    from foundry_bench.cost.rows import write_tables

    with store_in(out) as store:
        if models.preset == PAPER_COUNT:
            notes: list[str] = []
            stages = _paper_stages(models, (parts, data, changes, clouds))
        else:
            source = models.source()
            num_clouds = clouds or NUM_CLOUDS
            profile = FlopsProfile(
                source,
                _loader(data, changes or [], num_clouds, source.architecture.points),
                head=HeadSpec(models.classes or NUM_CLASSES, parts),
                num_clouds=num_clouds,
                cache=store.root / "data",
            )
            subjects, notes = models.subjects(source, "1,2,4,8,16")
            stages = [profile.stage(subject) for subject in subjects]
        records, failures = run_stages(stages, store)
    if out is not None:
        notes += [f"wrote {path}" for path in write_tables(out, records)]
    notes += [note for record in records if (note := _silence(record))]
    title = models.preset if parts is None else f"{models.preset}, {parts} parts of points"
    _show(records, title, operators=operators, as_json=as_json)
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


def _paper_stages(models: Models, others: Sequence[object]) -> "list[Stage]":
    from foundry_bench.cost.paper import PUBLISHED_GIGA, paper_stage

    if models != Models(preset=PAPER_COUNT) or any(choice is not None for choice in others):
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


def _show(records: "Sequence[Record]", title: str, *, operators: bool, as_json: bool) -> None:
    from foundry_bench.cli.console import stdout
    from foundry_bench.cli.costs import flops_table, operators_table, paper_table, sizes_table
    from foundry_bench.cost.rows import program_rows

    if as_json:
        typer.echo(json.dumps(program_rows(records), indent=1))
        return
    console = stdout()
    if title == PAPER_COUNT:
        console.print(paper_table(records))
    else:
        console.print(flops_table(records, title), sizes_table(records))
    if operators:
        console.print(operators_table(records))
