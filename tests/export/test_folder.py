import hashlib
import json
from pathlib import Path

import pytest
import torch

import foundry_bench
from foundry_bench.cost import machine
from foundry_bench.export.check import runtime
from foundry_bench.export.core import core_of
from foundry_bench.export.folder import export_onnx
from foundry_bench.export.manifest import Manifest
from tests.trained_trial import run_trial


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return run_trial(tmp_path_factory.mktemp("trained"))


def test_a_classifier_is_exported_with_all_that_a_user_has_to_know(
    trial: Path, tmp_path: Path
) -> None:
    model = foundry_bench.load(trial, "classification")
    manifest = export_onnx(model, tmp_path / "out", int8=True)
    assert manifest == Manifest(**json.loads((tmp_path / "out/manifest.json").read_text()))
    files = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert files.keys() == {*manifest.files, "manifest.json"}
    assert set(manifest.files) == {"model.onnx", "model.int8.onnx", "patches.py"}
    for name, told in manifest.files.items():
        assert told.sha256 == hashlib.sha256(files[name]).hexdigest()
        assert told.bytes == len(files[name])
    fp32, int8 = manifest.graphs["fp32"], manifest.graphs["int8"]
    assert fp32.largest_difference is not None
    assert fp32.largest_difference < 1e-4
    recorded = manifest.metrics["evaluate"]["accuracy"]
    assert fp32.metrics["accuracy"] == pytest.approx(recorded)
    assert int8.agreement is not None
    assert 0.5 < int8.agreement <= 1
    assert set(int8.metrics) == {"accuracy"}
    latency = manifest.latency
    assert set(latency.graphs_ms) == {"fp32", "int8"}
    for found in (latency.torch_ms, latency.preparation_ms, *latency.graphs_ms.values()):
        assert 0 < found.q1 <= found.median <= found.q3
    assert (latency.threads, latency.rounds) == (torch.get_num_threads(), 20)
    assert latency.hardware == machine.fingerprint(torch.device("cpu"))
    assert manifest.class_names == ["flat", "tall"]
    assert manifest.inputs["neighbors"].shape == ["batch", "patches", 4, 3]
    assert manifest.outputs["logits"].shape == ["batch", 2]
    assert manifest.geometry == {"points": 32, "patches": 8, "patch_size": 4}
    assert (manifest.budget, manifest.patches.least) == (5, 6)
    assert manifest.student is not None
    assert manifest.student["name"] == "foundry_gate"
    assert manifest.teacher["fingerprint"] == model.records["distill"].inputs["teacher"]
    assert manifest.records == {kind: record.key for kind, record in model.records.items()}
    assert {"torch", "onnxruntime", "onnx"} <= set(manifest.packages)


def test_a_segmenter_labels_any_points_of_a_cloud(trial: Path, tmp_path: Path) -> None:
    model = foundry_bench.load(trial, "part_segmentation")
    manifest = export_onnx(model, tmp_path, int8=False)
    assert list(manifest.graphs) == ["fp32"]
    for name, value in manifest.graphs["fp32"].metrics.items():
        assert value == pytest.approx(manifest.metrics["evaluate"][name])
    assert manifest.outputs["logits"].shape == ["batch", "points", 4]
    assert manifest.inputs["category"].dtype == "int64"
    assert manifest.part_names == ["left", "right", "bottom", "top"]
    assert manifest.parts_of_class == {"flat": [0, 1], "tall": [2, 3]}
    core, run = core_of(model), runtime(tmp_path / "model.onnx")
    inputs = core.fresh(2, 8)
    few = {**inputs, "points": inputs["points"][:, 5:17], "category": torch.tensor([1, 0])}
    torch.testing.assert_close(run(few), core(*few.values()), atol=1e-4, rtol=0)
    assert not torch.allclose(run(few), run({**few, "category": torch.tensor([0, 0])}))
