"""Parts of a pass, with a clock that counts what is called instead of time."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from foundry_bench.cost.clocks import Call, Clock
from foundry_bench.cost.clouds import procedural_clouds
from foundry_bench.cost.counting import PARTS
from foundry_bench.cost.parts import PartWatch
from foundry_bench.geometry.patches import group
from foundry_bench.models.backbone import Backbone
from foundry_bench.models.heads import ClassificationHead
from foundry_bench.testing import tiny_teacher
from foundry_bench.testing.tiny import SPEC, TINY
from tests.cost.test_counting import student

POINTS = procedural_clouds(2, SPEC.points)


class LinearLayers(Clock):
    """Its time is the number of linear layers that have run."""

    def __init__(self, *modules: nn.Module) -> None:
        self.run = 0
        for module in modules:
            for each in module.modules():
                if isinstance(each, nn.Linear):
                    each.forward = self._counted(each.forward)

    def _counted(self, forward: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        def call(given: Tensor) -> Tensor:
            self.run += 1
            return forward(given)

        return call

    def mark(self) -> int:
        return self.run

    def between_ms(self, start: int, end: int) -> float:
        return end - start

    def call_ms(self, call: Call, number: int) -> float:
        raise AssertionError


def parts(backbone: Backbone) -> dict[str, float]:
    head = ClassificationHead(TINY.width, 5).eval()
    clock = LinearLayers(backbone, head)
    with torch.inference_mode():
        watch = PartWatch(backbone, head, group(POINTS, SPEC), clock)
        return watch.pass_ms(POINTS)


def test_a_teachers_work_is_in_its_parts() -> None:
    found = parts(tiny_teacher())
    assert found["encode"] == 4 * TINY.depth
    assert found["tokenize"] == 3 + 2  # lift, pool, out (mix is no call); and the positions' two
    assert (found["group"], found["compress"], found["head"]) == (0, 0, 2)
    assert "upsample" not in found


@pytest.mark.parametrize("name", ["foundry", "tome", "patch_merger", "narrow"])
def test_a_student_has_every_part_and_nothing_is_counted_twice(name: str) -> None:
    backbone, head = student(name).eval(), ClassificationHead(TINY.width, 5).eval()
    clock = LinearLayers(backbone, head)
    with torch.inference_mode():
        watch = PartWatch(backbone, head, group(POINTS, SPEC), clock)
        before = clock.run
        found = watch.pass_ms(POINTS)
    assert sum(found.values()) == clock.run - before
    assert set(found) == set(PARTS)
    depth = len(backbone.get_submodule("encoder.blocks"))  # type: ignore[arg-type]
    assert found["encode"] == 4 * depth, "also of those that walk over the blocks themselves"


@pytest.mark.parametrize("name", ["foundry", "pitome"])
def test_attention_is_the_encoders_whoever_calls_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    backbone, clock = student(name).eval(), LinearLayers()
    product = functional.scaled_dot_product_attention

    def counted(*given: Any, **named: Any) -> Tensor:
        clock.run += 1
        return product(*given, **named)

    monkeypatch.setattr(functional, "scaled_dot_product_attention", counted)
    with torch.inference_mode():
        watch = PartWatch(backbone, nn.Identity(), group(POINTS, SPEC), clock)
        found = watch.pass_ms(POINTS)
    assert {part: number for part, number in found.items() if number} == {"encode": TINY.depth}


def test_a_watch_leaves_nothing_behind() -> None:
    backbone = student("tome").eval()
    watch = PartWatch(backbone, nn.Identity(), group(POINTS, SPEC), LinearLayers())
    with torch.inference_mode():
        watch.pass_ms(POINTS)
    assert not any({"forward", "mix"} & module.__dict__.keys() for module in backbone.modules())
