"""Engines against eager torch, and what happens to those that say something else."""

from pathlib import Path

import pytest
import torch

from foundry_bench.cost.clouds import procedural_clouds
from foundry_bench.cost.counting import Pass
from foundry_bench.cost.engines import Workshop, difference, refuse_difference
from foundry_bench.cost.ways import Way
from foundry_bench.errors import FoundryError
from foundry_bench.geometry.patches import Patches, group
from foundry_bench.models.heads import ClassificationHead
from foundry_bench.testing import tiny_teacher
from foundry_bench.testing.tiny import SPEC, TINY
from tests.cost.test_counting import student


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path, 1, torch.device("cpu"))


@pytest.fixture(scope="module")
def patches() -> Patches:
    return group(procedural_clouds(8, SPEC.points), SPEC)


def network(name: str | None = None) -> Pass:
    backbone = tiny_teacher() if name is None else student(name)
    return Pass(backbone, ClassificationHead(TINY.width, 5)).eval().requires_grad_(False)


def apart(workshop: Workshop, net: Pass, way: Way, patches: Patches, batch: int) -> float:
    example = patches.select(slice(0, batch))
    engines = (workshop.engine("net", net, each, example) for each in (way, Way()))
    return difference(*engines, patches, batch)


def test_eager_is_itself(workshop: Workshop, patches: Patches) -> None:
    assert apart(workshop, network("foundry"), Way(), patches, 4) == 0


def test_bf16_is_near_and_something_else(workshop: Workshop, patches: Patches) -> None:
    assert 0 < apart(workshop, network(), Way("eager", "bf16"), patches, 8) < 0.1


def test_onnx_runtime_says_what_torch_says(workshop: Workshop, patches: Patches) -> None:
    net = network("foundry")
    for way, least, most in (
        (Way("onnxruntime"), 0, 1e-4),
        (Way("onnxruntime", "int8"), 1e-6, 0.5),
    ):
        found = [apart(workshop, net, way, patches, batch) for batch in (1, 8)]
        assert all(least <= each < most for each in found), (way, found)
    assert {path.name for path in workshop.scratch.iterdir()} == {"net.onnx", "net.int8.onnx"}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, when inductor is imported
def test_a_compiled_network_says_what_eager_says(workshop: Workshop, patches: Patches) -> None:
    assert apart(workshop, network("foundry"), Way("compiled"), patches, 4) < 1e-4


def test_the_difference_is_that_of_the_median_cloud_to_its_largest_logit() -> None:
    asked = []

    def reference(patches: Patches) -> torch.Tensor:
        asked.append(len(patches))
        return patches.centers_BC3[:, 0] * torch.tensor([10.0, -1.0, 1.0])

    def engine(patches: Patches) -> torch.Tensor:
        offset_B = patches.centers_BC3[:, 1, 0]
        return reference(patches) + offset_B[:, None]

    centers = torch.ones(3, 2, 3)
    centers[:, 1, 0] = torch.tensor([0.1, 3.0, 0.2])
    found = difference(engine, reference, Patches(torch.zeros(3, 2, 1, 3), centers), 2)
    assert found == pytest.approx(0.02)
    assert asked == [2, 2, 1, 1]


@pytest.mark.parametrize(
    ("way", "number"), [(Way("compiled"), 0.002), (Way("compiled", "bf16"), float("nan"))]
)
def test_another_answer_is_refused(way: Way, number: float) -> None:
    with pytest.raises(FoundryError, match="differ from eager's"):
        refuse_difference(way, number)


def test_rounding_is_not_refused() -> None:
    refuse_difference(Way("compiled"), 1e-5)
    refuse_difference(Way("compiled", "bf16"), 0.03)
    refuse_difference(Way("onnxruntime", "int8"), 0.4)
