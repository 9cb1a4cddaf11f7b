"""`profile scenes` as stages: what a scene of many points costs, a process a measurement."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from foundry_bench import provenance
from foundry_bench.cost import machine, scene
from foundry_bench.cost.counting import count, random_patches
from foundry_bench.cost.scene import SceneRequest, build
from foundry_bench.errors import FoundryError
from foundry_bench.registries import STUDENTS
from foundry_bench.stage import Stage, StageContext, StageResult
from foundry_bench.teachers.teacher import TeacherArchitecture

SCENES_VERSION = 2
TASK = "scenes"
MOST_S = 3600
"""A measurement that takes longer has failed."""

NODES = (8, 64)
"""Scenes, in multiples of a budget, whose counts determine those of all."""


@dataclass(frozen=True)
class Scenes:
    """What is measured.

    Attributes:
        architecture: of the teacher, whose points and patches the scene replaces.
        points_a_patch: points of a scene for each of its patches: 16 at the paper's sizes.
        memory_limit: bytes of an emulated smaller device; None: the device as it is.
    """

    architecture: TeacherArchitecture
    points_a_patch: int
    attentions: Sequence[str]
    device: str
    threads: int
    memory_limit: int | None

    def stages(
        self, students: Sequence[Mapping[str, Any] | None], sizes: Sequence[int]
    ) -> Iterator[Stage]:
        """From the smallest scene to the largest: of each, all students (None: the teacher)."""
        for points in sorted(sizes):
            for student in students:
                if self.fault(student, points) is None:
                    for attention in self.attentions:
                        yield self.stage(student, points, attention)

    def fault(self, student: Mapping[str, Any] | None, points: int) -> str | None:
        """Why there is no such student of such a scene, if there is none."""
        if student is None:
            return None
        settings = STUDENTS.get(student["name"]).Settings.model_validate(student)
        try:
            settings.check(points // self.points_a_patch, self.architecture.depth)
        except ValueError as error:
            return f"{settings.name} at {points:,} points: {error}"
        return None

    @cached_property
    def _hardware(self) -> dict[str, Any]:
        found = machine.describe_apart(self.device)
        return {name: value for name, value in found.items() if name != "threads"}

    def stage(self, student: Mapping[str, Any] | None, points: int, attention: str) -> Stage:
        """One scene through one model. Its numbers are of this hardware and these packages, which
        are in the key. A lack of memory is a result: `oom` is 1, and there is no time.
        """
        patches = points // self.points_a_patch
        architecture = self.architecture.model_dump(mode="json")
        scene_of = architecture | {"points": points, "patches": patches}
        request = SceneRequest(
            scene_of,
            None if student is None else dict(student),
            attention,
            self.device,
            self.threads,
            self.memory_limit,
        )
        config = {
            "profile": TASK,
            **{name: value for name, value in asdict(request).items() if name != "architecture"},
            "teacher": scene_of,
            "points": points,
            "patches": patches,
            "hardware": self._hardware,
            "packages": provenance.packages(),
        }
        if student is not None:
            kind = STUDENTS.get(student["name"])
            config["versions"] = kind.versions(kind.Settings.model_validate(student))

        def run(context: StageContext) -> StageResult:
            macs = macs_at(architecture, student, patches, self.points_a_patch)
            return StageResult({"macs": macs, **measure(request)})

        return Stage("profile", SCENES_VERSION, config, run, task=TASK)


def measure(request: SceneRequest) -> dict[str, float]:
    """What a process of its own finds, and how many cores others kept busy meanwhile; `oom` is 1 if
    its memory was not enough, and all it says.

    Raises:
        FoundryError: if it failed otherwise, with what it said last.
    """
    command, others = [sys.executable, "-X", "utf8", "-m", scene.__name__], machine.OtherWork()
    try:
        done = subprocess.run(
            command,
            input=json.dumps(asdict(request)),
            capture_output=True,
            encoding="utf-8",
            timeout=MOST_S,
        )
    except subprocess.TimeoutExpired:
        raise FoundryError(f"it took more than {MOST_S} s; leave out such large scenes") from None
    if is_out_of_memory(done.returncode, done.stderr):
        limit = request.memory_limit
        return {"oom": 1.0} | ({} if limit is None else {"limit_bytes": float(limit)})
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise FoundryError(f"a process of its own could not run it: {said[-1]}")
    found: dict[str, float] = json.loads(done.stdout)
    busy = others.cores()
    return {"oom": 0.0, **found} | ({} if busy is None else {"other_cores": busy})


def is_out_of_memory(code: int, said: str) -> bool:
    """Whether a process that ended so lacked memory: it said so, or the system killed it, or a
    library without exceptions gave up.
    """
    words = ("bad_alloc", "MemoryError", "can't allocate memory", "Cannot allocate memory")
    return code in (scene.OOM, -signal.SIGKILL) or (code != 0 and any(w in said for w in words))


@lru_cache(maxsize=256)
def _macs(text: str, patches: int, points_a_patch: int) -> float:
    architecture, student = json.loads(text)
    size = {"points": patches * points_a_patch, "patches": patches}
    backbone = build(architecture | size, student)
    if backbone.least_budget is not None:
        return count(backbone).total("macs")
    with FakeTensorMode(allow_non_fake_inputs=True), sdpa_kernel(SDPBackend.MATH):
        example = random_patches(backbone.patch_spec)
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            backbone.tokens(example)
    return float(counter.get_total_flops() // 2)


def macs_at(
    architecture: Mapping[str, Any],
    student: Mapping[str, Any] | None,
    patches: int,
    points_a_patch: int,
) -> float:
    """MACs of a scene from patches to tokens, by torch's counter, which computes nothing.

    What a gate lets through needs numbers: such students, whose MACs grow with the tokens in
    proportion, are counted on two smaller scenes, which tell those of all others.
    """
    text = json.dumps([dict(architecture), student], sort_keys=True)
    budget = (student or {}).get("budget")
    if budget is None or patches <= NODES[-1] * budget:
        return _macs(text, patches, points_a_patch)
    tokens = [node * budget for node in NODES]
    macs = [_macs(text, each, points_a_patch) for each in tokens]
    return float(np.polyval(np.polyfit(tokens, macs, 1), patches).round())
