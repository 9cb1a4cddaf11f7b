import importlib.util
import subprocess
import venv
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

import foundry_bench
from foundry_bench.export.folder import export_onnx
from tests.trained_trial import run_trial

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "examples/device/classify.py"


@pytest.fixture(scope="module")
def program() -> ModuleType:
    spec = importlib.util.spec_from_file_location("classify", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_ply(path: Path, points_M3: np.ndarray, kind: str) -> None:
    """With a property before the coordinates, a comment, and an element after the vertices."""
    kinds = {"x": "float", "y": "double", "z": "float"}
    header = [
        "ply",
        f"format {kind} 1.0",
        "comment made by hand",
        f"element vertex {len(points_M3)}",
        "property uchar red",
        *(f"property {name} {axis}" for axis, name in kinds.items()),
        "element face 1",
        "property list uchar int vertex_indices",
        "end_header\n",
    ]
    fields = [("red", "<u1"), ("x", "<f4"), ("y", "<f8"), ("z", "<f4")]
    rows = np.empty(len(points_M3), np.dtype(fields))
    rows["red"] = 7
    for axis, name in enumerate("xyz"):
        rows[name] = points_M3[:, axis]
    if kind == "ascii":
        body = "\n".join(" ".join(map(str, row)) for row in rows.tolist()) + "\n3 0 1 2\n"
        path.write_bytes("\n".join(header).encode() + body.encode())
    else:
        path.write_bytes("\n".join(header).encode() + rows.tobytes() + b"\3" + bytes(12))


@pytest.mark.parametrize("kind", ["ascii", "binary_little_endian", "npy"])
def test_a_cloud_is_read(kind: str, program: ModuleType, tmp_path: Path) -> None:
    points_M3 = np.random.default_rng(0).normal(size=(9, 3)).astype(np.float32)
    path = tmp_path / ("cloud.npy" if kind == "npy" else "cloud.ply")
    if kind == "npy":
        np.save(path, np.hstack([points_M3, np.ones((9, 3), np.float32)]))
    else:
        write_ply(path, points_M3, kind)
    np.testing.assert_allclose(program.read_cloud(path), points_M3, rtol=1e-6)


@pytest.mark.slow
def test_it_classifies_without_torch(tmp_path: Path) -> None:
    model = foundry_bench.load(run_trial(tmp_path), "classification")
    export_onnx(model, tmp_path / "exported", int8=False)
    assert model.answering is not None
    points_M3 = np.array(model.answering.dataset.points_NP3[0])
    write_ply(tmp_path / "cloud.ply", points_M3, "binary_little_endian")
    logits_L = model.answering.head(
        model.backbone.tokens(model.patches(torch.from_numpy(points_M3[None])))
    )[0]
    venv.create(tmp_path / "alone", with_pip=True)
    python = tmp_path / "alone/bin/python"
    limits = ["-c", str(ROOT / "constraints.txt"), "numpy", "onnxruntime", "plyfile"]
    install = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*install, "--only-binary", ":all:", *limits], check=True)
    listed = [str(python), "-m", "pip", "list", "--format", "freeze"]
    shown = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.lower()
    assert not {"torch", "onnx", "foundry-bench"} & {line.split("==")[0] for line in shown.split()}
    call = [str(python), str(PROGRAM), str(tmp_path / "exported"), str(tmp_path / "cloud.ply")]
    found = subprocess.run(call, capture_output=True, text=True, check=True, cwd=tmp_path)
    share, name = found.stdout.splitlines()[0].split()
    assert name == ("flat", "tall")[int(logits_L.argmax())]
    assert float(share.rstrip("%")) == pytest.approx(
        100 * logits_L.softmax(0).max().item(), abs=0.1
    )


@pytest.mark.parametrize("faces_first", [False, True])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("kind", ["ascii", "binary_little_endian", "binary_big_endian"])
def test_ply_of_other_programs_is_read(
    kind: str, newline: str, faces_first: bool, program: ModuleType, tmp_path: Path
) -> None:
    """Integer coordinates, a list among the vertices' properties, faces before or after."""
    points_M3 = np.random.default_rng(0).integers(-99, 99, (9, 3))
    order = ">" if kind == "binary_big_endian" else "<"
    vertex = "element vertex 9|property int x|property list uchar short tags|property int y"
    elements = {
        "vertex": f"{vertex}|property int z".split("|"),
        "face": ["element face 2", "property list uchar int vertex_indices"],
    }
    face = b"\3" + np.array([0, 1, 2], f"{order}i4").tobytes()
    binary, text = {"face": face * 2, "vertex": b""}, {"face": "3 0 1 2\n" * 2, "vertex": ""}
    for x, y, z in points_M3.tolist():
        tags = b"\2" + np.array([5, 6], f"{order}i2").tobytes()
        ends = (np.array(value, f"{order}i4").tobytes() for value in ([x], [y, z]))
        binary["vertex"] += tags.join(ends)
        text["vertex"] += f"{x} 2 5 6 {y} {z}\n"
    names = ["face", "vertex"] if faces_first else ["vertex", "face"]
    header = ["ply", f"format {kind} 1.0", *(it for name in names for it in elements[name])]
    content = newline.join([*header, "end_header", ""]).encode()
    for name in names:
        body = text[name].replace("\n", newline).encode()
        content += body if kind == "ascii" else binary[name]
    (tmp_path / "cloud.ply").write_bytes(content)
    np.testing.assert_array_equal(program.read_cloud(tmp_path / "cloud.ply"), points_M3)


def test_a_ply_without_vertices_is_refused(program: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "cloud.ply"
    path.write_text("ply\nformat ascii 1.0\nelement point 1\nproperty int x\nend_header\n1\n")
    with pytest.raises(SystemExit, match="no PLY"):
        program.read_cloud(path)
