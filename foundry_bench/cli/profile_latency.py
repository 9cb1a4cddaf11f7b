"""`foundry-bench profile latency`: how long a teacher and its students take on this machine."""

import json
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
    telling,
)

EXAMPLES = """
foundry-bench profile latency --student foundry --supertokens 16
foundry-bench profile latency --preset small --student foundry --batch 1,32 --out runs/latency
foundry-bench profile latency --student foundry --ways eager,eager:bf16,compiled,onnxruntime
foundry-bench profile latency --preset small --device cuda --ways eager:bf16,cuda_graph:bf16
"""
EPILOG = "\b\nExamples:\n" + "\n".join(f"  {line}" for line in EXAMPLES.split("\n") if line)
SUPERTOKENS = "1,16"
ROUNDS = 30


def latency(
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
            help="eager, compiled, onnxruntime, cuda_graph; with :bf16, or onnxruntime:int8.",
        ),
    ] = "eager",
    rounds: Annotated[int, typer.Option(min=2, help="Turns that each way of each model has.")] = (
        ROUNDS
    ),
    threads: Threads = None,
    device: Device = "cpu",
    shared: Annotated[
        bool, typer.Option("--shared", help="Measure beside others on the GPU, and mark the rows.")
    ] = False,
    classes: Classes = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    out: KeepRecords = None,
) -> None:
    """Time the way of a batch of clouds to logits, FPS and kNN included, whole and by part.

    All models and ways take turns, so that drift hits them alike; the ratio to the teacher is
    taken within each round. What does not give eager's answers is left out. Each call measures
    anew. Exit code 1 if something could not be timed.
    """
    from foundry_bench.cli.console import stdout
    from foundry_bench.cli.timings import latency_table
    from foundry_bench.cost.lanes import lanes_of
    from foundry_bench.cost.latency import Conditions, LatencyProfile
    from foundry_bench.cost.measured import measured_rows
    from foundry_bench.cost.planning import Sizes
    from foundry_bench.cost.ways import parse_ways
    from foundry_bench.provenance import num_cores

    chosen, source = device_of(device), source_of(teacher or TEACHER, preset, weights)
    sizes = Sizes(
        numbers_of("--supertokens", supertokens or SUPERTOKENS),
        numbers_of("--budgets", budgets or BUDGETS),
        source.architecture,
    )
    conditions = Conditions(
        num_classes=classes or NUM_CLASSES,
        rounds=rounds,
        threads=threads or num_cores(),
        device=chosen,
        is_shared=shared,
    )
    subjects, notes = planned_subjects(source, students, distilled or [], sizes)
    lanes = lanes_of(subjects, parse_ways("--ways", ways, chosen.type))
    with telling() as told, store_in(out) as store:
        profile = LatencyProfile(source, conditions, told)
        timings = profile.measure(lanes, numbers_of("--batch", batches))
        records, failures = run_stages(timings.stages, store)
    if as_json:
        typer.echo(json.dumps(measured_rows(records), indent=1))
    else:
        stdout().print(latency_table(records))
    for note in (*notes, *timings.left_out, *timings.notes, *failures):
        typer.echo(note, err=True)
    raise typer.Exit(1 if timings.left_out or failures else 0)
