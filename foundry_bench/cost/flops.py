"""`profile flops` as stages: a record for the teacher and for each student."""

from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import nn

from foundry_bench.cost.counting import count, random_patches
from foundry_bench.cost.distilled import Distilled
from foundry_bench.cost.gates import count_gated, entered
from foundry_bench.cost.metrics import metrics_of, size_of
from foundry_bench.cost.planning import heeds_budgets
from foundry_bench.cost.subjects import student_of
from foundry_bench.data.dataset import subsample
from foundry_bench.data.loader import DatasetLoader
from foundry_bench.geometry.patches import Patches, group
from foundry_bench.models.backbone import Inputs
from foundry_bench.models.heads import ClassificationHead
from foundry_bench.registries import STUDENTS
from foundry_bench.stage import Stage, StageContext, StageResult
from foundry_bench.students.student import Student, StudentSettings
from foundry_bench.teachers.preset import TeacherSource
from foundry_bench.teachers.teacher import Teacher

FLOPS_VERSION = 1
TASK = "flops"
BATCH = 64
"""Test clouds at work at a time."""


class FlopsProfile:
    """Counts a teacher and its students, with a classification head on each."""

    def __init__(
        self,
        source: TeacherSource,
        loader: DatasetLoader,
        *,
        num_classes: int,
        num_clouds: int,
        cache: Path,
    ) -> None:
        """`loader` gives the clouds that gated students are counted on: the first `num_clouds` of
        its test split, kept in `cache`.
        """
        self._source = source
        self._loader = loader
        self._num_classes = num_classes
        self._num_clouds = num_clouds
        self._cache = cache

    def stage(self, settings: StudentSettings | None, distilled: Distilled | None = None) -> Stage:
        """The count of one student, None: of the teacher; as its weights were drawn, or as they
        were distilled.
        """
        is_gated = settings is not None and heeds_budgets(type(settings))
        prints = {"teacher": self._source.fingerprint}
        prints |= {"data": self._loader.fingerprint()} if is_gated else {}
        prints |= {} if distilled is None else {"distill": distilled.key}
        config: dict[str, object] = {
            "profile": TASK,
            "teacher": self._source.architecture.model_dump(mode="json"),
            "student": None if settings is None else settings.model_dump(mode="json"),
            "classes": self._num_classes,
            "clouds": self._num_clouds if is_gated else None,
        }
        if settings is not None:
            config["versions"] = STUDENTS.get(settings.name).versions(settings)

        def run(context: StageContext) -> StageResult:
            if settings is None:
                return StageResult(self._of_teacher())
            return StageResult(self._of_student(settings, distilled))

        seed = 0 if distilled is None else distilled.seed
        return Stage(
            "profile",
            FLOPS_VERSION,
            config,
            run,
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

    def _head(self) -> nn.Module:
        return ClassificationHead(self._teacher.width, self._num_classes)

    def _of_teacher(self) -> dict[str, float]:
        counts = count(self._teacher, self._head())
        tokens = {"encoder_tokens": float(self._teacher.patch_spec.patches)}
        return tokens | metrics_of(counts) | size_of(self._teacher)

    def _of_student(
        self, settings: StudentSettings, distilled: Distilled | None
    ) -> dict[str, float]:
        student = student_of(self._teacher, settings, distilled)
        if heeds_budgets(type(settings)):
            has_teachers_tokens = distilled is None and not settings.own_tokenizer
            found = self._of_gated(student, has_teachers_tokens=has_teachers_tokens)
        else:
            found = metrics_of(count(student, self._head()))
            found["encoder_tokens"] = float(
                entered(student, [random_patches(student.patch_spec)])[0]
            )
        return found | size_of(student)

    def _of_gated(self, student: Student, *, has_teachers_tokens: bool) -> dict[str, float]:
        tokens_N = entered(student, self._embedded if has_teachers_tokens else self._batches())
        gated = count_gated(student, self._head(), self._patches, tokens_N)
        most_macs = float(np.quantile(gated.macs_N, 0.95))
        return {
            **metrics_of(gated.mean),
            "macs_p95": most_macs,
            "flops_p95": 2 * most_macs,
            "encoder_tokens": float(tokens_N.mean()),
            "encoder_tokens_p95": float(np.quantile(tokens_N, 0.95)),
        }
