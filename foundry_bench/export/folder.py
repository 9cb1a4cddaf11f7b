"""The folder that goes to a device: graphs, pre-processing, manifest."""

import shutil
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from foundry_bench import provenance
from foundry_bench.export import patches
from foundry_bench.export.check import (
    Run,
    agreement,
    difference,
    parts_mask,
    runtime,
    test_scores,
)
from foundry_bench.export.core import Core, PartsCore, core_of
from foundry_bench.export.graph import PACKAGES, require_packages, write_graph, write_int8
from foundry_bench.export.latency import measure
from foundry_bench.export.manifest import MANIFEST, File, Graph, Manifest, PatchRange, Tensor
from foundry_bench.files import file_digest, replacing
from foundry_bench.trained import Trained

FP32, INT8 = "model.onnx", "model.int8.onnx"
PREPROCESSING = "patches.py"
INT8_NOTE = (
    "ranges of dynamic quantisation are taken over the batch: a cloud's outputs alone and in a "
    "batch differ, so that some answers differ too"
)


def export_onnx(trained: Trained, out: Path, *, int8: bool) -> Manifest:
    """Write the folder `out`; files of the same names in it are replaced.

    Checked on the way: ONNX Runtime gives what torch does, see `check.difference`. Both are timed,
    see `latency.measure`.

    Args:
        trained: gives tokens, or its task's logits.
        out: made if it is not there.
        int8: write a graph with weights as int8 too, and measure what that changes.

    Raises:
        FoundryError: if packages are missing, or something cannot be exported.
    """
    require_packages()
    core = core_of(trained)
    out.mkdir(parents=True, exist_ok=True)
    counts = write_graph(core, out / FP32)
    fp32 = runtime(out / FP32)
    told = difference(core, fp32, counts)
    graphs = {
        "fp32": Graph(
            file=FP32,
            largest_difference=told.largest,
            median_difference=told.median,
            metrics=_metrics(core, fp32),
        )
    }
    runs = {"fp32": fp32}
    if int8:
        write_int8(out / FP32, out / INT8)
        runs["int8"] = small = runtime(out / INT8)
        graphs["int8"] = Graph(
            file=INT8,
            agreement=agreement(core, fp32, small),
            metrics=_metrics(core, small),
            note=INT8_NOTE,
        )
    shutil.copyfile(patches.__file__, out / PREPROCESSING)
    names = [*(graph.file for graph in graphs.values()), PREPROCESSING]
    manifest = Manifest(
        **_of_trial(trained),
        **_of_answers(core),
        **_of_tensors(core, fp32),
        patches=PatchRange(**asdict(counts)),
        graphs=graphs,
        latency=measure(core, runs),
        files={
            name: File(sha256=file_digest(out / name), bytes=(out / name).stat().st_size)
            for name in names
        },
        packages=provenance.packages() | {name: version(name) for name in PACKAGES},
        commit=provenance.commit(),
    )
    with replacing(out / MANIFEST) as temporary:
        temporary.write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return manifest


def _metrics(core: Core, run: Run) -> dict[str, float]:
    return {} if core.answering is None else test_scores(core, run)


def _of_trial(trained: Trained) -> dict[str, Any]:
    trial, student = trained.trial, trained.trial.student
    return {
        "trial": trained.name,
        "sweep": trial.sweep,
        "variant": trial.variant,
        "seed": trial.seed,
        "init": trial.init,
        "teacher": {
            **trial.teacher.model_dump(mode="json"),
            "fingerprint": trained.teacher_fingerprint,
        },
        "student": None if student is None else student.model_dump(mode="json"),
        "budget": trained.backbone.budget,
        "geometry": asdict(trained.backbone.patch_spec),
        "records": {kind: record.key for kind, record in trained.records.items()},
        "metrics": {kind: record.metrics for kind, record in trained.records.items()},
    }


def _of_answers(core: Core) -> dict[str, Any]:
    if core.answering is None:
        return {"task": None}
    dataset = core.answering.dataset
    found: dict[str, Any] = {
        "task": core.answering.label,
        "class_names": list(dataset.class_names),
    }
    if isinstance(core, PartsCore):
        rows = parts_mask(core)
        found["part_names"] = list(dataset.part_names)
        found["parts_of_class"] = {
            name: row_P.nonzero().squeeze(1).tolist()
            for name, row_P in zip(dataset.class_names, rows, strict=True)
        }
    return found


def _of_tensors(core: Core, run: Run) -> dict[str, Any]:
    example = core.fresh(1, core.backbone.patch_spec.patches)
    found = run(example)
    last = {"batch": 0} | ({} if found.ndim == 2 else {_middle_axis(core): 1})
    return {
        "inputs": {name: _tensor(example[name], core.axes[name]) for name in core.axes},
        "outputs": {core.output: _tensor(found, {axis: name for name, axis in last.items()})},
    }


def _middle_axis(core: Core) -> str:
    return "points" if isinstance(core, PartsCore) else "patches"


def _tensor(value: torch.Tensor, axes: dict[int, str]) -> Tensor:
    shape = [axes.get(axis, size) for axis, size in enumerate(value.shape)]
    return Tensor(dtype=str(value.dtype).removeprefix("torch."), shape=shape)
