"""`foundry-bench profile memory`: what memory a teacher and its students need."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from foundry_bench.cli.profile_options import (
    BUDGETS,
    NUM_CLASSES,
    TEACHER,
    Batches,
    Budgets,
    Classes,
    Device,
    DistilledFolders,
    KeepRecords,
    Preset,
    Students,
    Supertokens,
    TeacherName,
    Threads,
    Weights,
    device_of,
    numbers_of,
    planned_subjects,
    run_stages,
    source_of,
    store_in,
)

EXAMPLES = """
foundry-bench profile memory --student foundry --supertokens 16
foundry-bench profile memory --preset small --student foundry --batch 1,32 --out runs/memory
foundry-bench profile memory --student foundry --ways eager,onnxruntime,onnxruntime:int8
"""
EPILOG = "\b\nExamples:\n" + "\n".join(f"  {line}" for line in EXAMPLES.split("\n") if line)
SUPERTOKENS = "16"


def memory(
    teacher: TeacherName = None,
    preset: Preset = "tiny",
    weights: Weights = None,
    students: Students = None,
    supertokens: Supertokens = None,
    budgets: Budgets = None,
    distilled: DistilledFolders = None,
    batches: Batches = "1",
    ways: Annotated[
        str,
        typer.Option(
            metavar="MODE[:PRECISION],…",
            help="eager, eager:bf16, onnxruntime (numpy and ONNX Runtime alone), onnxruntime:int8.",
        ),
    ] = "eager",
    threads: Threads = None,
    device: Device = "cpu",
    classes: Classes = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    out: KeepRecords = None,
) -> None:
    """Peak memory of a batch of clouds on its way to logits, each in a process of its own.

    What imports take is told apart; activations are what is left without imports and weights. Exit
    code 1 if something could not be measured.
    """
    from foundry_bench.cli.console import stdout
    from foundry_bench.cli.timings import memory_table
    from foundry_bench.cost.lanes import lanes_of
    from foundry_bench.cost.measured import measured_rows
    from foundry_bench.cost.memory import OFFERED, MemoryProfile
    from foundry_bench.cost.planning import Sizes
    from foundry_bench.cost.ways import parse_ways
    from foundry_bench.provenance import num_cores

    chosen, source = device_of(device), source_of(teacher or TEACHER, preset, weights)
    sizes = Sizes(
        numbers_of("--supertokens", supertokens or SUPERTOKENS),
        numbers_of("--budgets", budgets or BUDGETS),
        source.architecture,
    )
    subjects, notes = planned_subjects(source, students, distilled or [], sizes)
    lanes = lanes_of(subjects, parse_ways("--ways", ways, chosen.type, OFFERED))
    numbers = numbers_of("--batch", batches)
    with store_in(out) as store, TemporaryDirectory() as scratch:
        profile = MemoryProfile(
            source, Path(scratch), classes or NUM_CLASSES, threads or num_cores(), chosen
        )
        stages = [profile.stage(lane, batch) for lane in lanes for batch in numbers]
        records, failures = run_stages(stages, store)
    if as_json:
        typer.echo(json.dumps(measured_rows(records), indent=1))
    else:
        stdout().print(memory_table(records))
    for note in (*notes, *failures):
        typer.echo(note, err=True)
    raise typer.Exit(1 if failures else 0)
