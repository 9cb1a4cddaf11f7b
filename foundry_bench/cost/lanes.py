"""What is timed side by side: one model, run in one way, on batches of one size.

B clouds, M clouds for checking, N points.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from foundry_bench.cost import machine
from foundry_bench.cost.clocks import Clock, clock_of
from foundry_bench.cost.clouds import procedural_clouds
from foundry_bench.cost.counting import Pass
from foundry_bench.cost.engines import (
    CHECKED,
    Engine,
    Workshop,
    difference,
    inference,
    refuse_difference,
)
from foundry_bench.cost.parts import PartWatch
from foundry_bench.cost.subjects import Subject
from foundry_bench.cost.timing import Turn, Warm, warm_up
from foundry_bench.cost.ways import Way
from foundry_bench.geometry.patches import Patches, PatchSpec, group
from foundry_bench.models.heads import ClassificationHead
from foundry_bench.seeds import seeded
from foundry_bench.teachers.preset import TeacherSource
from foundry_bench.teachers.teacher import Teacher

WHOLE, NETWORK = "whole", "network"
"""What is timed beside the parts: a pass from points to logits, and all of it but `group`."""


@dataclass(frozen=True)
class Lane:
    """A model and the way it runs."""

    subject: Subject
    way: Way

    def __str__(self) -> str:
        return f"{self.subject.name} {self.way}"


def lanes_of(subjects: Sequence[Subject], ways: Sequence[Way]) -> list[Lane]:
    """Every model in every way."""
    return [Lane(subject, way) for subject in subjects for way in ways]


@dataclass(frozen=True)
class Conditions:
    """Under which models are measured, with a classification head on each.

    Attributes:
        source: of the teacher.
        num_classes: that the head tells apart.
        threads: of torch and of ONNX Runtime.
    """

    source: TeacherSource
    num_classes: int
    threads: int
    device: torch.device

    def network(self, subject: Subject, teacher: Teacher) -> Pass:
        """Patches -> logits, in eval mode and without gradients; on the CPU."""
        backbone = subject.build(teacher)
        with seeded(0, "init", "head"):
            head = ClassificationHead(backbone.width, self.num_classes)
        return Pass(backbone, head).eval().requires_grad_(False)

    def config(self, lane: Lane, batch: int) -> dict[str, Any]:
        """What a record says of a measurement."""
        return {
            **lane.subject.config(self.source),
            "classes": self.num_classes,
            "batch": batch,
            "mode": lane.way.mode,
            "precision": lane.way.precision,
            "threads": self.threads,
            "device": self.device.type,
            "hardware": machine.fingerprint(self.device),
        }


@dataclass(frozen=True)
class Ready:
    """A lane that has been warmed up.

    Attributes:
        turn: gives milliseconds of the whole and of its parts.
        apart: how far its answers are from eager fp32's (bf16's, for what else runs in bf16), in
            the median cloud, relative to its largest logit.
    """

    turn: Turn
    warm: Warm
    apart: float


def make_ready(lane: Lane, name: str, network: Pass, batch: int, workshop: Workshop) -> Ready:
    """Build, compare, warm up.

    `network` is that of the lane's subject, and has a `name` of its own.

    Raises:
        FoundryError: if its answers are not eager's.
        Exception: whatever a compiler, exporter or recorder has against the network.
    """
    device, spec = workshop.device, network.backbone.patch_spec
    count = batch * -(-CHECKED // batch)
    points_MN3 = procedural_clouds(count, spec.points).to(device)
    patches, points_BN3 = group(points_MN3, spec), points_MN3[:batch].contiguous()
    example = patches.select(slice(0, batch))
    engine = workshop.engine(name, network, lane.way, example)
    eager = workshop.engine(name, network, _reference(lane.way), example)
    apart = difference(engine, eager, patches, batch)
    if lane.way.mode != "eager":
        refuse_difference(lane.way, apart)
    clock = clock_of(device, workshop.threads)

    def whole() -> Tensor:
        return engine(group(points_BN3, spec))

    if lane.way.mode == "eager":
        pass_ms = _parts(lane.way, network, points_BN3, example, clock)
    else:
        pass_ms = _halves(engine, spec, points_BN3, clock)

    def turn(calls: int) -> Mapping[str, float]:
        whole_ms = clock.call_ms(whole, calls)
        passes = [pass_ms() for _ in range(calls)]
        means = {part: sum(each[part] for each in passes) / calls for part in passes[0]}
        inner_ms = sum(spent_ms for part, spent_ms in means.items() if part != "group")
        return {WHOLE: whole_ms, NETWORK: inner_ms} | means

    return Ready(turn, warm_up(lambda calls: clock.call_ms(whole, calls)), apart)


def _reference(way: Way) -> Way:
    return Way("eager", "bf16") if way.precision == "bf16" and way.mode != "eager" else Way()


PassMs = Callable[[], Mapping[str, float]]


def _parts(way: Way, network: Pass, points_BN3: Tensor, example: Patches, clock: Clock) -> PassMs:
    """An eager pass, by part."""
    assert network.head is not None
    with inference(way.precision, points_BN3.device):
        watch = PartWatch(network.backbone, network.head, example, clock)

    def pass_ms() -> Mapping[str, float]:
        with inference(way.precision, points_BN3.device):
            return watch.pass_ms(points_BN3)

    return pass_ms


def _halves(engine: Engine, spec: PatchSpec, points_BN3: Tensor, clock: Clock) -> PassMs:
    """A pass of which nothing can be told from outside but where the network begins."""

    def pass_ms() -> Mapping[str, float]:
        start = clock.mark()
        patches = group(points_BN3, spec)
        cut = clock.mark()
        engine(patches)
        end = clock.mark()
        return {"group": clock.between_ms(start, cut), NETWORK: clock.between_ms(cut, end)}

    return pass_ms
