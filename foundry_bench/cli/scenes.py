"""`foundry-bench profile scenes`: what large scenes cost."""

import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foundry_bench.cli.profile_options import numbers_of, run_stages
from foundry_bench.errors import FoundryError

if TYPE_CHECKING:
    from rich.table import Table

    from foundry_bench.record import Record

EXAMPLES = """\
foundry-bench profile scenes --sizes 1024,4096 --student foundry --out runs/scenes
foundry-bench profile scenes --preset small --out runs/scenes
foundry-bench profile scenes --preset small --memory-limit 6GiB --sizes 300000 --out runs/scenes
"""
SIZES = "1024,4096,16384,65536,150000,300000"
STUDENTS = ("tome", "foundry", "foundry_gate")
UNITS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def scenes(
    preset: Annotated[
        str, typer.Option(help="Of the teacher point_jepa; its points and patches are the scene's.")
    ] = "small",
    teacher: Annotated[str, typer.Option(help="A registered teacher.")] = "point_jepa",
    students: Annotated[
        list[str] | None,
        typer.Option(
            "--student",
            metavar="NAME",
            help=f"Beside the teacher; may be repeated. By default {', '.join(STUDENTS)}.",
        ),
    ] = None,
    supertokens: Annotated[int, typer.Option(min=1, help="Of each student.")] = 16,
    budget: Annotated[int, typer.Option(min=1, help="Of students with a gate.")] = 64,
    sizes: Annotated[str, typer.Option(metavar="N,N", help="Points of a scene.")] = SIZES,
    points_a_patch: Annotated[
        int, typer.Option(min=1, help="Points of a scene for each of its patches.")
    ] = 16,
    attention: Annotated[
        str, typer.Option(help="materialised, fused, or both with a comma between.")
    ] = "materialised,fused",
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:N.")] = "cpu",
    threads: Annotated[
        int | None, typer.Option(min=1, help="By default the cores of the machine.")
    ] = None,
    memory_limit: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Of an emulated smaller device, such as 6GiB."),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Keep records in DIR/stages.")] = Path(
        "runs/scenes"
    ),
) -> None:
    """Time, peak memory and MACs of scenes of 1 k to 300 k points, through teacher and students.

    Each measurement has a process of its own. Where memory is not enough, that is the result. What
    DIR holds of this machine already is not measured again. Exit code 1 if one failed otherwise.
    """
    from foundry_bench.cli.console import stdout
    from foundry_bench.config.settings import TeacherSettings
    from foundry_bench.cost.scene import BACKENDS
    from foundry_bench.cost.scenes import Scenes
    from foundry_bench.provenance import num_cores
    from foundry_bench.registry import unknown
    from foundry_bench.store import Store
    from foundry_bench.teachers.preset import architecture

    _check_cut(device)
    attentions = [word.strip() for word in attention.split(",")]
    for word in attentions:
        if word not in BACKENDS:
            raise FoundryError(f"--attention: {unknown('attention', word, BACKENDS)}")
    size = architecture(TeacherSettings(name=teacher, preset=preset))
    numbers = numbers_of("--sizes", sizes)
    if min(numbers) < points_a_patch * max(supertokens, size.patch_size // points_a_patch + 1):
        raise FoundryError(
            f"--sizes: a scene of {min(numbers)} points has {min(numbers) // points_a_patch} "
            f"patches, too few for {supertokens} SuperTokens or patches of {size.patch_size} points"
        )
    plan = Scenes(
        size,
        points_a_patch,
        attentions,
        device,
        threads or num_cores(),
        None if memory_limit is None else parse_bytes(memory_limit),
    )
    chosen = [None, *(_settings(name, supertokens, budget) for name in students or STUDENTS)]
    stages = list(plan.stages(chosen, numbers))
    records, failures = run_stages(stages, Store(out), _tell)
    stdout().print(scenes_table(records))
    faults = [plan.fault(student, points) for student in chosen for points in numbers]
    notes = [f"left out: {fault}" for fault in faults if fault is not None]
    for note in (*notes, *failures):
        typer.echo(note, err=True)
    raise typer.Exit(1 if failures else 0)


def _check_cut(device: str) -> None:
    if device == "cpu" and find_spec("fpsample") is None:
        raise FoundryError(
            "on a CPU scenes are cut by fpsample, which is not installed: "
            "pip install 'foundry-bench[fps]', or give --device cuda"
        )


def _settings(name: str, supertokens: int, budget: int) -> dict[str, Any]:
    """Of the student `name`, as far as it has such fields."""
    from foundry_bench.registries import STUDENTS as REGISTERED

    settings = REGISTERED.get(name).Settings
    wanted = {"name": name, "supertokens": supertokens, "budget": budget}
    given = {key: value for key, value in wanted.items() if key in settings.model_fields}
    return settings.model_validate(given).model_dump(mode="json")


def parse_bytes(text: str) -> int:
    """`6GiB` as bytes.

    Raises:
        FoundryError: if it is none.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(KiB|MiB|GiB)", text.strip())
    if found is None or not float(found[1]):
        raise FoundryError(
            f"--memory-limit: given '{text}', expected a size such as 6GiB or 512MiB"
        )
    return int(float(found[1]) * UNITS[found[2]])


def _cells(record: "Record") -> tuple[str, ...]:
    config, metrics = record.config, record.metrics
    student = (config["student"] or {"name": "teacher"})["name"]
    limit = config["memory_limit"]
    start = (
        student,
        f"{config['points']:,}",
        config["attention"],
        "" if limit is None else f"{limit / 2**30:.3g}",
        f"{metrics['macs'] / 1e9:.3g}",
    )
    if metrics["oom"]:
        return (*start, "", "", "out of memory")
    peak = metrics.get("peak_reserved_bytes", metrics.get("peak_rss_bytes", 0.0))
    numbers = (metrics["group_ms"] / 1e3, metrics["time_ms_median"] / 1e3)
    return (*start, *(f"{number:.3f}" for number in numbers), f"{peak / 2**30:.2f}")


def _tell(record: "Record") -> None:
    typer.echo("  ".join(filter(None, _cells(record))), err=True)


def scenes_table(records: "list[Record]") -> "Table":
    """A row a measurement."""
    from rich.box import MARKDOWN
    from rich.table import Table

    table = Table(box=MARKDOWN)
    heads = ("limit GiB", "GMACs", "grouping s", "network s", "peak GiB")
    for head in ("model", "points", "attention"):
        table.add_column(head, no_wrap=True, justify="right" if head == "points" else "left")
    for head in heads:
        table.add_column(head, no_wrap=True, justify="right")
    for record in records:
        table.add_row(*_cells(record))
    return table
