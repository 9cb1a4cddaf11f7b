"""What the verbs under `foundry-bench profile` share: options, and what these words mean."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from foundry_bench.errors import FoundryError
from foundry_bench.registries import STUDENTS, TEACHERS

if TYPE_CHECKING:
    import torch

    from foundry_bench.cost.planning import Sizes
    from foundry_bench.cost.subjects import Subject
    from foundry_bench.record import Record
    from foundry_bench.stage import Stage
    from foundry_bench.store import Store
    from foundry_bench.teachers.preset import TeacherSource

TEACHER = "point_jepa"
SUPERTOKENS = "1,2,4,8,16"
BUDGETS = "4,8,16,32,64"
NUM_CLASSES = 40

TeacherName = Annotated[str | None, typer.Option("--teacher", help=f"By default {TEACHER}.")]
Preset = Annotated[
    str,
    typer.Option(
        help="The teacher's preset, or the path of one; flops: paper_count for the paper's figures."
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
Classes = Annotated[
    int | None, typer.Option(min=1, help=f"That the head tells apart; by default {NUM_CLASSES}.")
]
Out = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Keep records in DIR/stages, and tables in DIR/*.csv."),
]
KeepRecords = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="DIR", help="Keep records in DIR/stages, for `foundry-bench report DIR`."
    ),
]
Batches = Annotated[
    str, typer.Option("--batch", metavar="B,B", help="Clouds that are worked on at a time.")
]
Threads = Annotated[int | None, typer.Option(min=1, help="Of the CPU; by default its cores.")]
Device = Annotated[str, typer.Option(metavar="cpu|cuda", help="Where the models run.")]


@contextmanager
def store_in(out: Path | None) -> Iterator["Store"]:
    """A store in `out`, or one that is thrown away."""
    from foundry_bench.store import Store

    with TemporaryDirectory() as scratch:
        yield Store(Path(scratch) if out is None else out)


def source_of(name: str, preset: str, weights: str | None) -> "TeacherSource":
    """The teacher that the options ask for."""
    from foundry_bench.config.load import load_settings
    from foundry_bench.config.settings import TeacherSettings
    from foundry_bench.teachers.preset import TeacherPreset, preset_path, teacher_source

    TEACHERS.get(name)
    given = TeacherSettings(name=name, preset=preset)
    if weights is None:
        ships = load_settings(preset_path(given), TeacherPreset).weights is not None
        weights = "shipped" if ships else "random"
    return teacher_source(given.model_copy(update={"weights": weights}))


def device_of(name: str) -> "torch.device":
    """The device of that name.

    Raises:
        FoundryError: if there is none.
    """
    import torch

    if name not in ("cpu", "cuda"):
        raise FoundryError(f"--device: given '{name}', expected cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise FoundryError("--device: torch finds no GPU here; leave it out to measure the CPU")
    return torch.device(name)


def planned_subjects(
    source: "TeacherSource",
    students: list[str] | None,
    distilled: list[Path],
    sizes: "Sizes",
) -> "tuple[list[Subject], list[str]]":
    """What to profile, the teacher first; and what cannot be had."""
    from foundry_bench.cost.distilled import read_distilled
    from foundry_bench.cost.planning import plan_students, with_budgets
    from foundry_bench.cost.subjects import Subject

    names = students if students is not None else [] if distilled else list(STUDENTS)
    plan = plan_students(names, sizes)
    subjects = [Subject(None), *map(Subject, plan.students)]
    for folder in distilled:
        found = read_distilled(folder, source)
        subjects += [Subject(settings, found) for settings in with_budgets(found, sizes)]
    return subjects, [f"left out: {reason}" for reason in plan.skipped]


def numbers_of(option: str, text: str) -> list[int]:
    """`1,2,4` as numbers."""
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() and int(word) for word in words):
        raise FoundryError(f"{option}: given '{text}', expected numbers from 1 on, such as 1,4,16")
    return [int(word) for word in words]


def run_stages(stages: "Sequence[Stage]", store: "Store") -> "tuple[list[Record], list[str]]":
    """The records of what could be had, and why the rest could not."""
    from rich.console import Console
    from rich.progress import track

    from foundry_bench.store import StageFailed

    console = Console(stderr=True)
    records: list[Record] = []
    failures: list[str] = []
    hidden = not console.is_terminal
    for stage in track(stages, "profiling", console=console, transient=True, disable=hidden):
        try:
            records.append(store.get_or_run(stage, lambda progress: None).record)
        except StageFailed as failure:
            student = stage.config["student"] or {"name": "teacher"}
            failures.append(f"foundry-bench: {student['name']}: {failure}")
    return records, failures


@contextmanager
def telling() -> "Iterator[Callable[[str], None]]":
    """A line on the terminal that is written over again and again; nothing where there is none."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda words: None
        return
    with console.status("starting") as status:
        yield status.update
