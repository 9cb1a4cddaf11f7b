"""`profile flops` as stages: a record for the teacher and for each student."""

from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import nn

from foundry_bench.cost.counting import count, random_patches
from foundry_bench.cost.gates import count_gated, entered
from foundry_bench.cost.heads import HeadSpec
from foundry_bench.cost.metrics import metrics_of, size_of
from foundry_bench.cost.planning import heeds_budgets
from foundry_bench.cost.subjects import Subject
from foundry_bench.data.dataset import subsample
from foundry_bench.data.loader import DatasetLoader
from foundry_bench.geometry.patches import Patches, group
from foundry_bench.models.backbone import Backbone, Inputs
from foundry_bench.stage import Stage, StageResult
from foundry_bench.students.student import Student
from foundry_bench.teachers.preset import TeacherSource
from foundry_bench.teachers.teacher import Teacher

FLOPS_VERSION = 1
TASK = "flops"
BATCH = 64
"""Test clouds at work at a time."""


class FlopsProfile:
    """Counts a teacher and its students, with a head on each."""

    def __init__(
        self,
        source: TeacherSource,
        loader: DatasetLoader,
        *,
        head: HeadSpec,
        num_clouds: int,
        cache: Path,
    ) -> None:
        """`loader` gives the clouds that gated students are counted on: the first `num_clouds` of
        its test split, kept in `cache`.
        """
        self._source = source
        self._loader = loader
        self._head = head
        self._num_clouds = num_clouds
        self._cache = cache

    def stage(self, subject: Subject) -> Stage:
        """The count of a model, as its weights were drawn or distilled."""
        settings, distilled = subject.settings, subject.distilled
        is_gated = settings is not None and heeds_budgets(type(settings))
        prints = subject.fingerprints(self._source)
        prints |= {"data": self._loader.fingerprint()} if is_gated else {}
        config = subject.config(self._source) | {
            "profile": TASK,
            **self._head.config,
            "clouds": self._num_clouds if is_gated else None,
        }
        seed = 0 if distilled is None else distilled.seed
        return Stage(
            "profile",
            FLOPS_VERSION,
            config,
            lambda context: StageResult(self._of(subject)),
            fingerprints=prints,
            seed=seed if is_gated else None,
            task=TASK,
        )

    @cached_property
    def _teacher(self) -> Teacher:
        return self._source.build()

    @cached_property
    def _patches(self) -> Patches:
        dataset = self._loader.load(self._cache)
        rows = dataset.splits["test"][: self._num_clouds]
        points_NP3 = torch.from_numpy(subsample(dataset, rows, self._teacher.patch_spec.points))
        return group(points_NP3, self._teacher.patch_spec)

    @cached_property
    def _embedded(self) -> list[Inputs]:
        """By the teacher's tokenizer, which undistilled students share: once for all of them."""
        with torch.no_grad():
            return [self._teacher.embed(patches) for patches in self._batches()]

    def _batches(self) -> list[Patches]:
        starts = range(0, len(self._patches), BATCH)
        return [self._patches.select(slice(start, start + BATCH)) for start in starts]

    def _of(self, subject: Subject) -> dict[str, float]:
        backbone, settings = subject.build(self._teacher), subject.settings
        if settings is None or not heeds_budgets(type(settings)):
            return cost_of(backbone, self._head.build(backbone.width))
        assert isinstance(backbone, Student)
        has_teachers_tokens = subject.distilled is None and not settings.own_tokenizer
        found = self._of_gated(backbone, has_teachers_tokens=has_teachers_tokens)
        return found | size_of(backbone)

    def _of_gated(self, student: Student, *, has_teachers_tokens: bool) -> dict[str, float]:
        tokens_N = entered(student, self._embedded if has_teachers_tokens else self._batches())
        gated = count_gated(student, self._head.build(student.width), self._patches, tokens_N)
        most_macs = float(np.quantile(gated.macs_N, 0.95))
        return {
            **metrics_of(gated.mean),
            "macs_p95": most_macs,
            "flops_p95": 2 * most_macs,
            "encoder_tokens": float(tokens_N.mean()),
            "encoder_tokens_p95": float(np.quantile(tokens_N, 0.95)),
        }


def cost_of(backbone: Backbone, head: nn.Module | None = None) -> dict[str, float]:
    """A record's numbers of a model whose cost no cloud decides, per cloud."""
    tokens = float(backbone.patch_spec.patches)
    if isinstance(backbone, Student):
        tokens = float(entered(backbone, [random_patches(backbone.patch_spec)])[0])
    return {"encoder_tokens": tokens, **metrics_of(count(backbone, head)), **size_of(backbone)}
