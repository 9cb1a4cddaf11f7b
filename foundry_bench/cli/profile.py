"""`foundry-bench profile`: what a teacher and its students cost."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from foundry_bench.cli import counts, scenes
from foundry_bench.errors import FoundryError
from foundry_bench.registries import STUDENTS, TEACHERS

if TYPE_CHECKING:
    from foundry_bench.cost.flops import FlopsProfile
    from foundry_bench.cost.planning import Sizes
    from foundry_bench.data.loader import DatasetLoader
    from foundry_bench.record import Record
    from foundry_bench.stage import Stage
    from foundry_bench.store import Store
    from foundry_bench.teachers.preset import TeacherSource

EXAMPLES = """
foundry-bench profile flops
foundry-bench profile flops --preset small --student foundry --student light_tokenizer
foundry-bench profile flops --student foundry --supertokens 4 --operators
foundry-bench profile flops --distilled runs/gate/store/stages/KEY --out runs/flops
foundry-bench profile flops --preset paper_count --json
"""
EPILOG = "\b\nExamples:\n" + "\n".join(f"  {line}" for line in EXAMPLES.split("\n") if line)
PAPER_COUNT = "paper_count"
TEACHER = "point_jepa"
SUPERTOKENS = "1,2,4,8,16"
BUDGETS = "4,8,16,32,64"
NUM_CLOUDS, NUM_CLASSES = 256, 40

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)

TeacherName = Annotated[str | None, typer.Option("--teacher", help=f"By default {TEACHER}.")]
Preset = Annotated[
    str,
    typer.Option(
        help="The teacher's preset, or the path of one; paper_count: the figures of the paper."
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(help="As in a sweep file; by default those that ship, or else random ones."),
]
Students = Annotated[
    list[str] | None,
    typer.Option(
        "--student",
        metavar="NAME",
        help="A registered student; may be repeated. By default all of them.",
    ),
]
Supertokens = Annotated[
    str | None, typer.Option("--supertokens", metavar="S,S", help=f"By default {SUPERTOKENS}.")
]
Budgets = Annotated[
    str | None,
    typer.Option("--budgets", metavar="N,N", help=f"Of gated students; by default {BUDGETS}."),
]
DistilledFolders = Annotated[
    list[Path] | None,
    typer.Option(
        "--distilled",
        metavar="DIR",
        help="A distilled student, <store>/stages/<key>; may be repeated. Without --student it "
        "stands beside the teacher alone.",
    ),
]
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
Classes = Annotated[
    int | None, typer.Option(min=1, help=f"That the head tells apart; by default {NUM_CLASSES}.")
]
Out = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Keep records in DIR/stages, and tables in DIR/*.csv."),
]


app.command("trials", epilog=counts.EPILOG)(counts.trials)
app.command("scenes", epilog=scenes.EPILOG)(scenes.scenes)


@app.callback()
def describe() -> None:
    """Count what a teacher and its students cost."""


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

    with _store(out) as store:
        if preset == PAPER_COUNT:
            models = (teacher, weights, students, supertokens, budgets, distilled)
            stages = _paper_stages((*models, data, changes, clouds, classes))
            notes: list[str] = []
        else:
            source = _source(teacher or TEACHER, preset, weights)
            num_clouds = clouds or NUM_CLOUDS
            profile = FlopsProfile(
                source,
                _loader(data, changes or [], num_clouds, source.architecture.points),
                num_classes=classes or NUM_CLASSES,
                num_clouds=num_clouds,
                cache=store.root / "data",
            )
            sizes = Sizes(
                _numbers("--supertokens", supertokens or SUPERTOKENS),
                _numbers("--budgets", budgets or BUDGETS),
                source.architecture,
            )
            stages, notes = _planned(profile, source, students, distilled or [], sizes)
        records, failures = _run(stages, store)
    if out is not None:
        notes += [f"wrote {path}" for path in write_tables(out, records)]
    notes += [note for record in records if (note := _silence(record))]
    _show(records, preset, operators=operators, as_json=as_json)
    for note in (*notes, *failures):
        typer.echo(note, err=True)
    raise typer.Exit(1 if failures else 0)


@contextmanager
def _store(out: Path | None) -> Iterator["Store"]:
    """A store in `out`, or one that is thrown away."""
    from foundry_bench.store import Store

    with TemporaryDirectory() as scratch:
        yield Store(Path(scratch) if out is None else out)


def _source(name: str, preset: str, weights: str | None) -> "TeacherSource":
    from foundry_bench.config.load import load_settings
    from foundry_bench.config.settings import TeacherSettings
    from foundry_bench.teachers.preset import TeacherPreset, preset_path, teacher_source

    TEACHERS.get(name)
    given = TeacherSettings(name=name, preset=preset)
    if weights is None:
        ships = load_settings(preset_path(given), TeacherPreset).weights is not None
        weights = "shipped" if ships else "random"
    return teacher_source(given.model_copy(update={"weights": weights}))


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


def _planned(
    profile: "FlopsProfile",
    source: "TeacherSource",
    students: list[str] | None,
    distilled: list[Path],
    sizes: "Sizes",
) -> "tuple[list[Stage], list[str]]":
    """What to count, the teacher first; and what cannot be had."""
    from foundry_bench.cost.distilled import read_distilled
    from foundry_bench.cost.planning import plan_students, with_budgets

    names = students if students is not None else [] if distilled else list(STUDENTS)
    plan = plan_students(names, sizes)
    stages = [profile.stage(None), *map(profile.stage, plan.students)]
    for folder in distilled:
        found = read_distilled(folder, source)
        stages += [profile.stage(settings, found) for settings in with_budgets(found, sizes)]
    return stages, [f"left out: {reason}" for reason in plan.skipped]


def _numbers(option: str, text: str) -> list[int]:
    """`1,2,4` as numbers."""
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() and int(word) for word in words):
        raise FoundryError(f"{option}: given '{text}', expected numbers from 1 on, such as 1,4,16")
    return [int(word) for word in words]


def _run(stages: "Sequence[Stage]", store: "Store") -> "tuple[list[Record], list[str]]":
    """The records of what could be counted, and why the rest could not."""
    from rich.console import Console
    from rich.progress import track

    from foundry_bench.store import StageFailed

    console = Console(stderr=True)
    records: list[Record] = []
    failures: list[str] = []
    hidden = not console.is_terminal
    for stage in track(stages, "counting", console=console, transient=True, disable=hidden):
        try:
            records.append(store.get_or_run(stage, lambda progress: None).record)
        except StageFailed as failure:
            student = stage.config["student"] or {"name": "teacher"}
            failures.append(f"foundry-bench: {student['name']}: {failure}")
    return records, failures


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
