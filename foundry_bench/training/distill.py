"""Distillation of a teacher's tokens into a student (Foundation Model Distillation).

B clouds, N points, C tokens, D width, M clouds that are painted.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from foundry_bench.config.settings import DistillSettings, LossSettings
from foundry_bench.data.dataset import Dataset, subsample
from foundry_bench.geometry.knn import nearest
from foundry_bench.students.student import Lesson, Student
from foundry_bench.teachers.teacher import Teacher
from foundry_bench.training.lessons import Lessons
from foundry_bench.training.loop import Objective
from foundry_bench.training.losses import normalized_errors, token_errors, token_loss
from foundry_bench.training.views import Batch, Views

Backend = str | Callable[..., Any]
"""What `torch.compile` calls a backend: a name, or a function of a graph."""

GATE_BINS = 20
NUM_PAINTED = 8
"""Test clouds whose SuperTokens a distillation leaves for the report's picture."""


class Distillation(Objective[Batch]):
    """The student learns to give back the teacher's tokens."""

    def __init__(self, student: Student, lessons: Lessons, settings: DistillSettings) -> None:
        student.set_drop_path(student.drop_path)
        self.module = student
        self.num_examples = len(lessons)
        self._student = student
        self._lessons = lessons
        self._loss = settings.loss
        self._reconstruct = student.reconstruct
        self._token_losses: list[Tensor] = []
        self._has_penalty = False

    def compile(self, backend: Backend = "inductor") -> None:
        """From now on the student's pass is compiled; noise is drawn as without."""
        options: Any = {"fallback_random": True} if backend == "inductor" else None
        self._reconstruct = torch.compile(
            self._student.reconstruct, backend=backend, options=options
        )

    def before_step(self, progress: float) -> None:
        """Anneals the student."""
        self._student.anneal(progress)

    def batch(self, rows_B: Tensor, rng: torch.Generator) -> Batch:
        """A view of each cloud and the teacher's tokens for it."""
        return self._lessons.batch(rows_B, rng)

    def loss(self, batch: Batch) -> Tensor:
        """Between the student's tokens and the teacher's, and what the student adds to it."""
        targets_BCD = batch.targets_BCD
        assert targets_BCD is not None
        made = self._reconstruct(batch.inputs)
        loss = token_loss(made.tokens_BCD, targets_BCD, self._loss)

        def errors_BC() -> Tensor:
            return token_errors(made.tokens_BCD.detach(), targets_BCD, self._loss)

        penalty = self._student.penalty(made, Lesson(errors_BC, batch.embedding_BCD))
        self._token_losses.append(loss.detach())
        self._has_penalty |= penalty is not None
        return loss if penalty is None else loss + penalty

    def after_epoch(self, epoch: int) -> dict[str, float]:
        """`token_loss`, the loss between tokens alone, where the student adds something to it."""
        mean = torch.stack(self._token_losses).double().mean().item()
        self._token_losses.clear()
        return {"token_loss": mean} if self._has_penalty else {}


@torch.inference_mode()
def heldout_metrics(
    student: Student, teacher: Teacher | None, views: Views, loss: LossSettings
) -> dict[str, float]:
    """How well the student gives back the teacher's tokens on clouds it has not seen.

    `heldout_nmse`: mean squared error to the teacher's tokens over their variance, token by token:
    1 - R², comparable between losses; and what `activity_metrics` has to say.
    """
    student.eval()
    error = 0.0
    for batch in views.chunks():
        targets_BCD = batch.targets_BCD
        if targets_BCD is None:
            assert teacher is not None, "views without cached targets need the teacher"
            targets_BCD = teacher.tokens(batch.inputs)
        errors_B = normalized_errors(student.tokens(batch.inputs), targets_BCD, loss)
        error += errors_B.sum().item()
    return {"heldout_nmse": error / len(views)} | activity_metrics(student, views)


@torch.inference_mode()
def activity_metrics(student: Student, views: Views) -> dict[str, float]:
    """What the student's compression does to the clouds of `views` (`Compressed.activity`): means
    over clouds, and `encoder_tokens_p95`.
    """
    student.eval()
    parts = [student.compress(student.embedding(b.inputs)).activity() for b in views.chunks()]
    per_cloud = {name: torch.cat([part[name] for part in parts]).cpu() for name in parts[0]}
    metrics = {name: values_N.mean().item() for name, values_N in per_cloud.items()}
    most = torch.quantile(per_cloud["encoder_tokens"], 0.95).item()
    return metrics | {"encoder_tokens_p95": most}


@torch.inference_mode()
def gate_histogram(student: Student, views: Views) -> dict[str, np.ndarray]:
    """`gate_histogram`: tokens of all clouds by π in equal bins of [0, 1]; empty without a gate."""
    student.eval()
    counts = torch.zeros(GATE_BINS, dtype=torch.float64)
    for batch in views.chunks():
        compressed = student.compress(student.embedding(batch.inputs))
        gate_BC = compressed.gate_BC()
        if gate_BC is None:
            return {}
        counts += torch.histc(gate_BC.double().cpu(), GATE_BINS, 0.0, 1.0)
    return {"gate_histogram": counts.long().numpy()}


@torch.inference_mode()
def painted_clouds(student: Student, views: Views, dataset: Dataset) -> dict[str, np.ndarray]:
    """A few test clouds of different classes with each point's SuperToken: that of the patch with
    the nearest centre; -1 where that token was kept.
    """
    test = dataset.splits["test"]
    _, first = np.unique(dataset.labels_N[test], return_index=True)
    rows = np.sort(first)[:: max(1, len(first) // NUM_PAINTED)][:NUM_PAINTED]
    points_MN3 = torch.from_numpy(subsample(dataset, test[rows], student.patch_spec.points))
    embedding = student.eval().embedding(views.draw(torch.from_numpy(rows)).inputs)
    compressed = student.compress(embedding)
    assign_MC = compressed.supertoken_BC().cpu()
    patch_MN = nearest(points_MN3, embedding.centers_BC3.float().cpu(), 1)[..., 0]
    return {
        "points_MN3": points_MN3.numpy().astype(np.float16),
        "supertoken_MN": assign_MC.gather(1, patch_MN).numpy().astype(np.int16),
        "labels_M": dataset.labels_N[test[rows]],
        "class_names": np.array(dataset.class_names),
    }
