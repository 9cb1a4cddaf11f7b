"""What the verbs under `foundry-bench profile` share: options, and what these words mean."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foundry_bench.errors import FoundryError
from foundry_bench.registries import STUDENTS, TEACHERS

if TYPE_CHECKING:
    from foundry_bench.cost.lanes import Conditions
    from foundry_bench.cost.subjects import Subject
    from foundry_bench.record import Record
    from foundry_bench.stage import Stage
    from foundry_bench.store import Store
    from foundry_bench.teachers.preset import TeacherSource

TEACHER = "point_jepa"
BUDGETS = "4,8,16,32,64"
NUM_CLASSES = 40

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
Json = Annotated[bool, typer.Option("--json", help="For programs.")]
Threads = Annotated[int | None, typer.Option(min=1, help="Of the CPU; by default its cores.")]


@dataclass(frozen=True)
class Models:
    """Options: which models, in which sizes, with which head."""

    teacher: Annotated[str | None, typer.Option(help=f"By default {TEACHER}.")] = None
    preset: Annotated[str, typer.Option(help="The teacher's preset, or the path of one.")] = "tiny"
    weights: Annotated[
        str | None,
        typer.Option(help="As in a sweep file; by default those that ship, or else random ones."),
    ] = None
    students: Annotated[
        list[str] | None,
        typer.Option(
            "--student",
            metavar="NAME",
            help="A registered student; may be repeated. By default all of them.",
        ),
    ] = None
    supertokens: Annotated[
        str | None,
        typer.Option(
            metavar="S,S", help="By default 1,2,4,8,16 for flops, 1,16 for latency, 16 for memory."
        ),
    ] = None
    budgets: Annotated[
        str | None,
        typer.Option(metavar="N,N", help=f"Of gated students; by default {BUDGETS}."),
    ] = None
    distilled: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR",
            help="A distilled student, <store>/stages/<key>; may be repeated. Without --student it "
            "stands beside the teacher alone.",
        ),
    ] = None
    classes: Annotated[
        int | None,
        typer.Option(min=1, help=f"That the head tells apart; by default {NUM_CLASSES}."),
    ] = None

    def source(self) -> "TeacherSource":
        """The teacher."""
        from foundry_bench.config.load import load_settings
        from foundry_bench.config.settings import TeacherSettings
        from foundry_bench.teachers.preset import TeacherPreset, preset_path, teacher_source

        TEACHERS.get(self.teacher or TEACHER)
        given = TeacherSettings(name=self.teacher or TEACHER, preset=self.preset)
        weights = self.weights
        if weights is None:
            ships = load_settings(preset_path(given), TeacherPreset).weights is not None
            weights = "shipped" if ships else "random"
        return teacher_source(given.model_copy(update={"weights": weights}))

    def subjects(
        self, source: "TeacherSource", supertokens: str
    ) -> "tuple[list[Subject], list[str]]":
        """What to profile, the teacher first, with `supertokens` by default; and what cannot be
        had.
        """
        from foundry_bench.cost.distilled import read_distilled
        from foundry_bench.cost.planning import Sizes, plan_students, with_budgets
        from foundry_bench.cost.subjects import Subject

        sizes = Sizes(
            numbers_of("--supertokens", self.supertokens or supertokens),
            numbers_of("--budgets", self.budgets or BUDGETS),
            source.architecture,
        )
        names = self.students
        if names is None:
            names = [] if self.distilled else list(STUDENTS)
        students, skipped = plan_students(names, sizes)
        subjects = [Subject(None), *map(Subject, students)]
        for folder in self.distilled or []:
            found = read_distilled(folder, source)
            subjects += [Subject(settings, found) for settings in with_budgets(found, sizes)]
        return subjects, [f"left out: {reason}" for reason in skipped]


@dataclass(frozen=True)
class Measuring:
    """Options: on what models are measured."""

    batches: Annotated[
        str, typer.Option("--batch", metavar="B,B", help="Clouds that are worked on at a time.")
    ] = "1"
    threads: Threads = None
    device: Annotated[str, typer.Option(metavar="cpu|cuda", help="Where the models run.")] = "cpu"

    def conditions(self, models: Models) -> "Conditions":
        """Under which `models` are measured.

        Raises:
            FoundryError: if there is no device of that name.
        """
        import torch

        from foundry_bench.cost.lanes import Conditions
        from foundry_bench.provenance import num_cores

        if self.device not in ("cpu", "cuda"):
            raise FoundryError(f"--device: given '{self.device}', expected cpu or cuda")
        if self.device == "cuda" and not torch.cuda.is_available():
            raise FoundryError("--device: torch finds no GPU here; leave it out to measure the CPU")
        return Conditions(
            models.source(),
            models.classes or NUM_CLASSES,
            self.threads or num_cores(),
            torch.device(self.device),
        )


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """`command` as typer takes it: where a parameter is one of the classes above, the options in
    it.
    """
    asked = inspect.signature(command, eval_str=True).parameters.values()
    groups: dict[str, Any] = {
        each.name: each.annotation for each in asked if is_dataclass(each.annotation)
    }
    shown: list[inspect.Parameter] = []
    for each in asked:
        options = fields(groups[each.name]) if each.name in groups else ()
        shown += [
            inspect.Parameter(
                option.name, each.KEYWORD_ONLY, default=option.default, annotation=option.type
            )
            for option in options
        ] or [each.replace(kind=each.KEYWORD_ONLY)]

    @wraps(command)
    def call(**given: Any) -> None:
        made = {
            name: kind(**{field.name: given.pop(field.name) for field in fields(kind)})
            for name, kind in groups.items()
        }
        command(**made, **given)

    call.__dict__["__signature__"] = inspect.Signature(shown)
    call.__annotations__ = {each.name: each.annotation for each in shown}
    return call


@contextmanager
def store_in(out: Path | None) -> Iterator["Store"]:
    """A store in `out`, or one that is thrown away."""
    from foundry_bench.store import Store

    with TemporaryDirectory() as scratch:
        yield Store(Path(scratch) if out is None else out)


def numbers_of(option: str, text: str) -> list[int]:
    """`1,2,4` as numbers."""
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() and int(word) for word in words):
        raise FoundryError(f"{option}: given '{text}', expected numbers from 1 on, such as 1,4,16")
    return [int(word) for word in words]


def run_stages(
    stages: "Sequence[Stage]", store: "Store", told: "Callable[[Record], None] | None" = None
) -> "tuple[list[Record], list[str]]":
    """The records of what could be had, each of which `told` hears of; and why the rest could not
    be.
    """
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
        else:
            if told is not None:
                told(records[-1])
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
