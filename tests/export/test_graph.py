from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from torch import Tensor

from foundry_bench.errors import FoundryError
from foundry_bench.export import graph
from foundry_bench.export.check import agreement, difference, runtime, two_counts
from foundry_bench.export.core import Core
from foundry_bench.export.graph import PatchCounts, write_graph, write_int8
from foundry_bench.models.backbone import Inputs
from foundry_bench.teachers.point_jepa import PointJepa
from foundry_bench.testing import tiny_teacher
from foundry_bench.testing.tiny import TINY
from tests.export.cores import backbone, core

SMALL = {"supertokens": 4}
STUDENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "teacher": ("teacher", {"blocks": 2}),
    "class token": ("teacher", {"family": "point_bert"}),
    "foundry": ("foundry", SMALL),
    "dso": ("foundry", {**SMALL, "assignment": {"name": "dso"}}),
    "dso_balanced": ("foundry", {**SMALL, "assignment": {"name": "dso_balanced"}}),
    "gate": ("foundry_gate", {"supertokens": 3, "budget": 5}),
    "gate without a budget": ("foundry_gate", {"supertokens": 3, "gate_threshold": 0.27}),
    "fps_student": ("fps_student", SMALL),
    "kmeans_student": (
        "kmeans_student",
        {**SMALL, "assignment": {"name": "kmeans_xyz", "iterations": 2}},
    ),
    "tome": ("tome", {**SMALL, "blocks": 2}),
    "tome of a class token": ("tome", {**SMALL, "blocks": 2, "family": "point_bert"}),
    "class tokens": ("teacher", {"family": "recon"}),
    "sine positions": ("teacher", {"family": "pcp_mae"}),
    "pitome": ("pitome", {**SMALL, "blocks": 2}),
    "patch_merger": ("patch_merger", SMALL),
    "narrow": ("narrow", {"depth": 1}),
    "light_tokenizer": ("light_tokenizer", {**SMALL, "tokenizer": {"points": 3}}),
}
BEYOND = {
    *("dso", "gate without a budget", "fps_student", "pitome", "patch_merger"),
    *("tome of a class token", "class tokens", "sine positions"),
}
"""Students whose graphs are made of the parts of the others'."""


class Graphs:
    """Each student's core and graph, made once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made: dict[str, tuple[Core, PatchCounts]] = {}

    def of(self, name: str) -> tuple[Core, PatchCounts, Path]:
        path = self.folder / f"{name}.onnx"
        if name not in self.made:
            student, settings = STUDENTS[name]
            made = core(backbone(student, **settings))
            self.made[name] = made, write_graph(made, path)
        return *self.made[name], path


@pytest.fixture(scope="module")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> Graphs:
    torch.set_num_threads(1)
    return Graphs(tmp_path_factory.mktemp("graphs"))


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] if name in BEYOND else []) for name in STUDENTS],
)
def test_a_graph_gives_what_torch_gives(name: str, graphs: Graphs) -> None:
    """On fresh clouds, in two batch sizes and with two numbers of patches."""
    made, counts, path = graphs.of(name)
    assert len(two_counts(made, counts)) == 2
    assert difference(made, runtime(path), counts).largest < 1e-4


def test_a_gate_keeps_its_budget_in_a_graph(graphs: Graphs) -> None:
    """What a graph of a budget of 5 gives is not what the threshold or a budget of 4 would."""
    made, counts, path = graphs.of("gate")
    assert counts == PatchCounts(least=6, most=None)
    inputs = made.fresh(2, 8)
    found = runtime(path)(inputs)
    for budget in (4, None):
        other = core(backbone("foundry_gate", supertokens=3, budget=budget))
        assert not torch.allclose(found, other(*inputs.values()), atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("student", "settings"), [("pitome", SMALL), ("teacher", {"family": "point_gpt"})]
)
def test_a_number_of_patches_that_code_depends_on_is_a_constant(
    student: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    """All tokens merge in pairs, so none is protected; the chain has a step a patch."""
    made = core(backbone(student, **settings))
    counts = write_graph(made, tmp_path / "model.onnx")
    assert counts == PatchCounts(8, 8)
    assert two_counts(made, counts) == (8,)
    assert difference(made, runtime(tmp_path / "model.onnx"), counts).largest < 1e-4


@pytest.mark.parametrize(
    ("student", "settings", "reason"),
    [
        ("random_student", SMALL, "no operator"),
        ("foundry_gate", {"supertokens": 3, "budget": 5, "selection": "random"}, "no operator"),
        ("foundry_gate", {"supertokens": 3, "budget": 5, "selection": "oracle"}, "no device has"),
    ],
)
def test_what_cannot_be_a_graph_says_why(
    student: str, settings: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    made = core(backbone(student, **settings))
    with pytest.raises(FoundryError, match=f"{type(made.backbone).__name__} cannot be .*{reason}"):
        write_graph(made, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


class InNumpy(PointJepa):
    """A teacher from outside that leaves torch."""

    def tokens(self, inputs: Inputs) -> Tensor:
        return torch.from_numpy(super().tokens(inputs).numpy().copy())


def test_a_backbone_that_leaves_torch_cannot_be_a_graph(tmp_path: Path) -> None:
    made = core(InNumpy(TINY).eval().requires_grad_(False))
    with pytest.raises(FoundryError, match="InNumpy cannot be exported: torch finds no graph"):
        write_graph(made, tmp_path / "model.onnx")


def test_a_graph_that_differs_from_torch_is_refused() -> None:
    made = core(tiny_teacher())

    def run(inputs: Any) -> Tensor:
        return made(*inputs.values()) + 2e-4

    with pytest.raises(FoundryError, match=r"tokens differ from torch's by 0\.0002 in the median"):
        difference(made, run, PatchCounts(1, None))


def test_int8_is_smaller_and_nearly_the_same(graphs: Graphs) -> None:
    made, _, fp32 = graphs.of("foundry")
    int8 = fp32.with_suffix(".int8.onnx")
    write_int8(fp32, int8)
    assert int8.stat().st_size < 0.85 * fp32.stat().st_size
    share = agreement(made, runtime(fp32), runtime(int8))
    assert 0.97 < share < 0.999999
    assert agreement(made, runtime(fp32), runtime(fp32)) == pytest.approx(1)


def test_a_graph_tells_nothing_of_the_machine_that_made_it(graphs: Graphs) -> None:
    *_, path = graphs.of("foundry")
    assert str(Path(graph.__file__).parents[1]).encode() not in path.read_bytes()


def test_all_weights_become_int8(graphs: Graphs) -> None:
    """Also those that the tokenizer uses in halves: what stays is attention, twice a block."""
    *_, fp32 = graphs.of("teacher")
    int8 = fp32.with_suffix(".int8.onnx")
    write_int8(fp32, int8)
    kinds = [node.op_type for node in onnx.load(int8).graph.node]
    assert (kinds.count("MatMul"), kinds.count("Gemm")) == (4, 0)


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "find_spec", lambda name: None if name == "onnxscript" else name)
    with pytest.raises(FoundryError, match=r"needs onnxscript: pip install 'foundry-bench\[export"):
        graph.require_packages()
