"""`foundry-bench export`: a trained backbone for a device."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foundry_bench.errors import FoundryError

if TYPE_CHECKING:
    from foundry_bench.export.manifest import Manifest

EXAMPLES = """\
foundry-bench export runs/supertokens/trials/foundry-s16-seed0-1a2b3c4d --task classification
foundry-bench export runs/budget/trials/foundry_gate-s4-seed0-1a2b3c4d --budget 8 --quantize int8
foundry-bench export runs/real/trials/teacher-seed0-1a2b3c4d --store runs/store --out exported
"""


def command(
    record: Annotated[
        Path,
        typer.Argument(
            help="Folder of a trial, runs/<sweep>/trials/<id>, or of a stage that it used."
        ),
    ],
    to: Annotated[str, typer.Option(help="The format: onnx.")] = "onnx",
    task: Annotated[
        str | None,
        typer.Option(
            help="With the head that this task trained: logits come out. By default tokens do."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write; exported/<id> by default.")
    ] = None,
    quantize: Annotated[
        str | None,
        typer.Option(
            help="int8: a second graph with weights as int8; its ranges are taken over the batch, "
            "so some answers differ between a cloud alone and in a batch."
        ),
    ] = None,
    budget: Annotated[
        int | None,
        typer.Option(min=1, help="Most tokens that the encoder gets, for students with a gate."),
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option(help="Where the sweep kept its stages; `store` beside `trials` by default."),
    ] = None,
) -> None:
    """Write a trial's backbone as ONNX, with pre-processing in numpy and a manifest beside it.

    From patches to tokens, to a task's logits, or to logits of points' parts; batch and number of
    patches are free. Checked against torch on the way, and timed beside it.
    """
    for option, given, known in (("--to", to, "onnx"), ("--quantize", quantize, "int8")):
        if given not in (None, known):
            raise FoundryError(f"{option}: given '{given}', expected {known}")

    import foundry_bench
    from foundry_bench.export.folder import export_onnx

    trained = foundry_bench.load(record, task, store=store, budget=budget)
    folder = out or Path("exported") / trained.name
    manifest = export_onnx(trained, folder, int8=quantize is not None)
    there = manifest.metrics.get("evaluate", {})
    width = max(map(len, manifest.files))
    for graph in manifest.graphs.values():
        size = manifest.files[graph.file].bytes / 2**20
        words = [f"{size:.1f} MiB"]
        if graph.largest_difference is not None:
            words.append(f"within {graph.largest_difference:.1g} of torch")
        if graph.agreement is not None:
            what = "cosine to fp32" if manifest.task is None else "same answers as fp32"
            words.append(f"{what} {graph.agreement:.4f}")
        words += [
            f"{name} {value:.4f} (record {there.get(name, float('nan')):.4f})"
            for name, value in graph.metrics.items()
        ]
        typer.echo(f"{graph.file:{width}}  {', '.join(words)}")
    typer.echo(_timing(manifest))
    typer.echo(f"{folder}")


def _timing(manifest: "Manifest") -> str:
    """What a cloud takes here."""
    from foundry_bench.cost.machine import is_busy

    latency = manifest.latency
    spans = {manifest.graphs[name].file: ms for name, ms in latency.graphs_ms.items()}
    spans |= {"torch": latency.torch_ms, "patches.py before them": latency.preparation_ms}
    words = [f"{name} {ms.median:.2f} ({ms.q1:.2f} to {ms.q3:.2f})" for name, ms in spans.items()]
    threads = f"{latency.threads} thread{'s' if latency.threads != 1 else ''}"
    busy = ""
    if is_busy(latency.other_cores):
        busy = f"; others kept {latency.other_cores:.1f} cores busy meanwhile"
    return f"ms a cloud, {latency.hardware['name']}, {threads}: {', '.join(words)}{busy}"
