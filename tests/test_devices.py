"""A training step on another device than the CPU, without having one.

Models and clouds are on torch's device `meta`, which computes shapes and no values. An operation on
tensors of two devices, or a look at a value, for which a GPU would have to be waited for, is an
error there.
"""

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from foundry_bench.config.settings import DistillSettings, FinetuneSettings, ViewSettings
from foundry_bench.models.backbone import Backbone
from foundry_bench.registries import ASSIGNMENTS, STUDENTS
from foundry_bench.students.student import Student
from foundry_bench.tasks.classification import Classification, ClassificationSettings, Labelling
from foundry_bench.tasks.part_segmentation import (
    PartLabelling,
    PartSegmentation,
    PartSegmentationSettings,
)
from foundry_bench.tasks.task import TaskData
from foundry_bench.teachers.teacher import Teacher
from foundry_bench.testing import tiny_dataset, tiny_teacher
from foundry_bench.testing.tiny import SPEC
from foundry_bench.training.distill import Distillation
from foundry_bench.training.jepa import Jepa, JepaSettings
from foundry_bench.training.lessons import Lessons
from foundry_bench.training.loop import train_step
from foundry_bench.training.mae import Mae, MaeSettings
from foundry_bench.training.specialise import Expert, LogitDistillation
from foundry_bench.training.views import (
    FixedViews,
    PointViews,
    Views,
    fixed_move,
    fixed_view,
    patch_views,
)

META = torch.device("meta")
ONLINE = ViewSettings(count="online", shift=0.1)
FRESH = ViewSettings(count="online", patches="fresh", scale_per_axis=True, normalize=True)
DATASET = replace(
    tiny_dataset(),
    parts_NP=(tiny_dataset().points_NP3[..., 0] > 0).astype("int16"),
    part_names=("left", "right"),
)
MAY_MIX = {"_to_copy", "copy_", "index", "index_put_", "_index_put_impl_"}
"""Copies; and indices may be on the CPU."""


class OneDevice(TorchDispatchMode):
    """An operation on tensors of two devices is an error; torch itself lets `meta` mix with any."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        tensors = [each for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)]
        devices = {tensor.device.type for tensor in tensors if tensor.ndim}
        name = func._schema.name.removeprefix("aten::")
        assert len(devices) < 2 or name in MAY_MIX, f"{name} of tensors on {devices}"
        return func(*args, **(kwargs or {}))


@pytest.fixture(autouse=True)
def _without_autocast(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is none for `meta`."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())


def step(objective: Any, module: torch.nn.Module) -> None:
    """Draws a batch of 4, and trains on it."""
    trained = [each for each in module.train().parameters() if each.requires_grad]
    optimizer = torch.optim.AdamW(trained)
    with OneDevice():
        batch = objective.batch(torch.arange(4), torch.Generator())
        loss = train_step(objective, batch, trained, optimizer, 1e-3, DistillSettings())
    assert loss.device == META


def pair(name: str, **settings: Any) -> tuple[Student, Teacher]:
    """The student `name`, all of which trains, and its teacher."""
    kind, teacher = STUDENTS.get(name), tiny_teacher()
    if "supertokens" in kind.Settings.model_fields:
        settings["supertokens"] = 2
    student = kind(teacher, kind.Settings(name=name, **settings)).to(META)
    student.settle(teacher.to(META))
    student.freeze_all_but(student.parts)
    return student, teacher


def distil(student: Student, teacher: Teacher, views: Views) -> None:
    objective = Distillation(student, Lessons(views, teacher), DistillSettings())
    objective.before_step(0.5)
    step(objective, student)
    with OneDevice():
        inputs = views.draw(torch.arange(4), torch.Generator()).inputs
        compressed = student.compress(student.embedding(inputs))
    assert compressed.assign_BCS.device == compressed.super_BSD.device == META


def online(settings: ViewSettings = ONLINE) -> Views:
    return patch_views(DATASET, DATASET.pool, SPEC, settings, META)


@pytest.mark.parametrize("name", [name for name in STUDENTS if name != "paper_gate"])
def test_every_student_is_distilled_on_one_device(name: str) -> None:
    distil(*pair(name), online())


@pytest.mark.parametrize("name", list(ASSIGNMENTS))
def test_every_assignment_is_on_the_device_of_its_tokens(name: str) -> None:
    settings = ASSIGNMENTS.get(name).Settings(name=name)
    distil(*pair("foundry", assignment=settings), online())


@pytest.mark.parametrize(
    "settings",
    [{"budget": 4}, {"distill_budget": "random"}, {"budget": 4, "selection": "random"}],
    ids=str,
)
def test_a_gate_is_on_one_device_whoever_is_kept(settings: dict[str, Any]) -> None:
    distil(*pair("foundry_gate", **settings), online())


def test_a_gate_that_packs_its_tokens_is_the_only_one_to_look_at_values() -> None:
    with pytest.raises(RuntimeError, match=r"item\(\) cannot be called on meta tensors"):
        distil(*pair("paper_gate"), online())


@pytest.mark.parametrize("kind", ["fresh", "fixed"])
def test_views_are_drawn_on_the_device_of_their_clouds(kind: str) -> None:
    rows, fixed = DATASET.pool, ViewSettings(count=2, shift=0.1)
    views: Views = online(FRESH)
    if kind == "fixed":
        views = FixedViews(
            tuple(fixed_view(DATASET, rows, SPEC, fixed, view, META).patches for view in (0, 1)),
            tuple(fixed_move(DATASET, rows, SPEC, fixed, view) for view in (0, 1)),
        )
    assert isinstance(views, FixedViews if kind == "fixed" else PointViews)
    distil(*pair("light_tokenizer"), views)


@pytest.mark.parametrize("objective", [Jepa, Mae])
def test_pretraining_is_on_one_device(objective: type[Jepa] | type[Mae]) -> None:
    class Pretraining:
        def batch(self, rows_B: Tensor, rng: torch.Generator) -> Any:
            return online().draw(rows_B, rng).inputs

        def loss(self, batch: Any) -> Tensor:
            loss: Tensor = module(batch)
            return loss

    settings: Any = JepaSettings(target_share=(0.2, 0.2)) if objective is Jepa else MaeSettings()
    module = objective(tiny_teacher(), settings).to(META)
    step(Pretraining(), module)
    module.update_target(0.5)


def task_data(backbone: Backbone) -> TaskData:
    plain = TaskData.from_patches(DATASET, backbone.patch_spec, META)
    return replace(plain, train=patch_views(DATASET, DATASET.splits["train"], SPEC, ONLINE, META))


@pytest.mark.parametrize("name", ["foundry", "teacher"])
@pytest.mark.parametrize("features", ["layers", "tokens", None])
def test_fine_tuning_is_on_one_device(name: str, features: Any) -> None:
    backbone = tiny_teacher().to(META) if name == "teacher" else pair(name)[0]
    data, settings = task_data(backbone), FinetuneSettings()
    if features is None:
        task = Classification(ClassificationSettings())
        head = task.new_head(backbone, DATASET, settings).to(META)
        step(Labelling(backbone, head, data, settings), torch.nn.ModuleList([backbone, head]))
        return
    parts = PartSegmentation(PartSegmentationSettings(features=features))
    segmenter = parts.new_head(backbone, DATASET, settings).to(META)
    clouds = parts.questions(backbone, data, "train")
    taught = PartLabelling(parts, backbone, segmenter, data, clouds, clouds, settings)
    step(taught, torch.nn.ModuleList([backbone, segmenter]))


def test_a_specialist_learns_on_one_device() -> None:
    student, teacher = pair("specialist")
    task, data = Classification(ClassificationSettings()), task_data(student)
    settings = FinetuneSettings()
    heads = [task.new_head(each, DATASET, settings).to(META) for each in (teacher, student)]
    expert = Expert(teacher, heads[0], task.answer).eval().requires_grad_(False)
    questions = task.questions(student, data, "train")
    objective = LogitDistillation(student, heads[1], expert, questions, 2.0)
    step(objective, objective.pupil)
