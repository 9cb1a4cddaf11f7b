"""Cores of small backbones, as if trials had left them."""

from typing import Any

import torch

from foundry_bench.config.sweep import TrialConfig
from foundry_bench.export.core import Core, core_of
from foundry_bench.models.backbone import Backbone
from foundry_bench.registries import STUDENTS
from foundry_bench.seeds import seeded
from foundry_bench.trained import Trained
from tests.teachers.families import small

TRIAL = TrialConfig.model_validate(
    {
        "sweep": "tiny",
        "variant": "foundry",
        "teacher": {"preset": "tiny"},
        "student": None,
        "data": {"name": "shapes"},
        "tasks": ["classification"],
        "seed": 0,
        "train": {},
    }
)


def backbone(
    name: str = "teacher", blocks: int = 1, family: str = "point_jepa", **settings: Any
) -> Backbone:
    """A tiny teacher, or a student of it, with batch norms as after some training."""
    teacher = small(family, depth=blocks)
    with seeded(0, "backbone"):
        made: Backbone = teacher
        if name != "teacher":
            student = STUDENTS.get(name)
            made = student(teacher, student.Settings(name=name, **settings))
    stream = torch.Generator().manual_seed(0)
    for norm in made.modules():
        if isinstance(norm, torch.nn.BatchNorm1d):
            norm.running_mean.uniform_(-0.1, 0.1, generator=stream)
            norm.running_var.uniform_(0.5, 2.0, generator=stream)
    return made.eval().requires_grad_(False)


def core(found: Backbone) -> Core:
    """From patches to tokens of a backbone."""
    return core_of(Trained("tiny", TRIAL, {}, "", found))
