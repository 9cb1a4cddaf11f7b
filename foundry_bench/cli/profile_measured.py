"""`foundry-bench profile latency` and `memory`: what a teacher and its students take here."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from foundry_bench.cli.profile_options import (
    Json,
    KeepRecords,
    Measuring,
    Models,
    numbers_of,
    run_stages,
    store_in,
    telling,
    with_options,
)

if TYPE_CHECKING:
    from rich.table import Table

    from foundry_bench.record import Record

LATENCY_EXAMPLES = """\
foundry-bench profile latency --student foundry --supertokens 16
foundry-bench profile latency --preset small --student foundry --batch 1,32 --out runs/latency
foundry-bench profile latency --student foundry --ways eager,eager:bf16,compiled,onnxruntime
foundry-bench profile latency --preset small --device cuda --ways eager:bf16,cuda_graph:bf16
"""
MEMORY_EXAMPLES = """\
foundry-bench profile memory --student foundry --supertokens 16
foundry-bench profile memory --preset small --student foundry --batch 1,32 --out runs/memory
foundry-bench profile memory --student foundry --ways eager,onnxruntime,onnxruntime:int8
"""
ROUNDS = 30


@with_options
def latency(
    models: Models,
    measuring: Measuring,
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
    shared: Annotated[
        bool, typer.Option("--shared", help="Measure beside others on the GPU, and mark the rows.")
    ] = False,
    as_json: Json = False,
    out: KeepRecords = None,
) -> None:
    """Time the way of a batch of clouds to logits, FPS and kNN included, whole and by part.

    All models and ways take turns, so that drift hits them alike; the ratio to the teacher is
    taken within each round. What does not give eager's answers is left out. Each call measures
    anew. Exit code 1 if something could not be timed.
    """
    from foundry_bench.cli.timings import latency_table
    from foundry_bench.cost.lanes import lanes_of
    from foundry_bench.cost.latency import LatencyProfile
    from foundry_bench.cost.ways import parse_ways

    conditions = measuring.conditions(models)
    subjects, notes = models.subjects(conditions.source, "1,16")
    lanes = lanes_of(subjects, parse_ways("--ways", ways, conditions.device.type))
    with telling() as told, store_in(out) as store:
        profile = LatencyProfile(conditions, rounds=rounds, is_shared=shared, told=told)
        timings = profile.measure(lanes, numbers_of("--batch", measuring.batches))
        records, failures = run_stages(timings.stages, store)
    _tell(records, latency_table, as_json=as_json)
    missing = (*timings.left_out, *failures)
    _end((*notes, *timings.notes), missing)


@with_options
def memory(
    models: Models,
    measuring: Measuring,
    ways: Annotated[
        str,
        typer.Option(
            metavar="MODE[:PRECISION],…",
            help="eager, eager:bf16, onnxruntime (numpy and ONNX Runtime alone), onnxruntime:int8.",
        ),
    ] = "eager",
    as_json: Json = False,
    out: KeepRecords = None,
) -> None:
    """Peak memory of a batch of clouds on its way to logits, each in a process of its own.

    What imports take is told apart; activations are what is left without imports and weights. Exit
    code 1 if something could not be measured.
    """
    from foundry_bench.cli.timings import memory_table
    from foundry_bench.cost.lanes import lanes_of
    from foundry_bench.cost.memory import OFFERED, MemoryProfile
    from foundry_bench.cost.ways import parse_ways

    conditions = measuring.conditions(models)
    subjects, notes = models.subjects(conditions.source, "16")
    lanes = lanes_of(subjects, parse_ways("--ways", ways, conditions.device.type, OFFERED))
    batches = numbers_of("--batch", measuring.batches)
    with store_in(out) as store, TemporaryDirectory() as scratch:
        profile = MemoryProfile(conditions, Path(scratch))
        stages = [profile.stage(lane, batch) for lane in lanes for batch in batches]
        records, failures = run_stages(stages, store)
    _tell(records, memory_table, as_json=as_json)
    _end(notes, failures)


def _tell(
    records: "Sequence[Record]",
    tabulate: "Callable[[Sequence[Record]], Table]",
    *,
    as_json: bool,
) -> None:
    from foundry_bench.cli.console import stdout
    from foundry_bench.cost.rows import measured_rows

    if as_json:
        typer.echo(json.dumps(measured_rows(records), indent=1))
    else:
        stdout().print(tabulate(records))


def _end(notes: Sequence[str], missing: Sequence[str]) -> None:
    for note in (*notes, *missing):
        typer.echo(note, err=True)
    raise typer.Exit(1 if missing else 0)
