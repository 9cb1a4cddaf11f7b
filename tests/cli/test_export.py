import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import foundry_bench
from foundry_bench.cli.main import app
from foundry_bench.export import folder
from foundry_bench.export.manifest import File, Graph, Latency, Manifest, Quartiles


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["export", *arguments])


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was to be loaded and exported; nothing is."""
    seen: list[Any] = []
    graphs = {
        "fp32": Graph(file="model.onnx", largest_difference=1.2e-6, metrics={"accuracy": 0.75}),
        "int8": Graph(file="model.int8.onnx", agreement=0.9875, metrics={"accuracy": 0.5}),
    }
    manifest = Manifest.model_construct(
        task="classification",
        graphs=graphs,
        latency=Latency(
            torch_ms=Quartiles(median=4, q1=3.5, q3=5),
            preparation_ms=Quartiles(median=0.25, q1=0.2, q3=0.3),
            graphs_ms={
                "fp32": Quartiles(median=2, q1=1.9, q3=2.5),
                "int8": Quartiles(median=1, q1=0.9, q3=1.5),
            },
            rounds=20,
            threads=2,
            hardware={"name": "Example CPU"},
            other_cores=64.0,
        ),
        metrics={"evaluate": {"accuracy": 0.75}},
        files={
            name: File(sha256="", bytes=3 * 2**19) for name in ("model.onnx", "model.int8.onnx")
        },
    )

    def load(*arguments: Any, **options: Any) -> Any:
        seen.append((arguments, options))
        return SimpleNamespace(name="foundry-s4-seed0-1a2b3c4d")

    def export(trained: Any, out: Path, *, int8: bool) -> Manifest:
        seen.append((out, int8))
        return manifest

    monkeypatch.setattr(foundry_bench, "load", load)
    monkeypatch.setattr(folder, "export_onnx", export)
    return seen


def test_export_says_how_good_each_graph_is(asked: list[Any]) -> None:
    options = ["--task", "classification", "--quantize", "int8", "--budget", "8"]
    result = call("runs/a/trials/b", *options)
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "model.onnx       1.5 MiB, within 1e-06 of torch, accuracy 0.7500 (record 0.7500)",
        "model.int8.onnx  1.5 MiB, same answers as fp32 0.9875, accuracy 0.5000 (record 0.7500)",
        "ms a cloud, Example CPU, 2 threads: model.onnx 2.00 (1.90 to 2.50), "
        "model.int8.onnx 1.00 (0.90 to 1.50), torch 4.00 (3.50 to 5.00), "
        "patches.py before them 0.25 (0.20 to 0.30); others kept 64.0 cores busy meanwhile",
        "exported/foundry-s4-seed0-1a2b3c4d",
    ]
    loaded, written = asked
    assert loaded == (
        (Path("runs/a/trials/b"), "classification"),
        {"store": None, "budget": 8},
    )
    assert written == (Path("exported/foundry-s4-seed0-1a2b3c4d"), True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--to", "tflite"], "--to: given 'tflite', expected onnx"),
        (["--quantize", "int4"], "--quantize: given 'int4', expected int8"),
    ],
)
def test_other_formats_are_refused(options: list[str], message: str, asked: list[Any]) -> None:
    result = call("runs/a/trials/b", *options)
    assert (result.exit_code, result.stderr) == (2, f"foundry-bench: {message}\n")
    assert asked == []


def test_a_trial_that_is_not_there_is_a_message(tmp_path: Path) -> None:
    result = call(str(tmp_path))
    assert result.exit_code == 2
    assert f"{tmp_path}: there is no trial.json" in result.stderr
    assert json.dumps(result.stderr).count("\\n") == 1
