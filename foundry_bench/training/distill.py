"""Distillation of a teacher's tokens into a student (Foundation Model Distillation).

B clouds, N points, C tokens, D width, M clouds that are painted.
"""

import numpy as np
import torch
from torch import Tensor

from foundry_bench.config.settings import DistillSettings, LossSettings
from foundry_bench.data.dataset import Dataset, subsample
from foundry_bench.geometry.knn import nearest
from foundry_bench.students.student import Student
from foundry_bench.teachers.teacher import Teacher
from foundry_bench.training.loop import Objective
from foundry_bench.training.losses import normalized_errors, token_loss
from foundry_bench.training.views import Batch, Views

NUM_PAINTED = 8
"""Test clouds whose SuperTokens a distillation leaves for the report's picture."""


class Distillation(Objective[Batch]):
    """The student learns to give back the teacher's tokens on `views`."""

    def __init__(
        self, student: Student, teacher: Teacher | None, views: Views, settings: DistillSettings
    ) -> None:
        """`teacher` is asked for the tokens of views that come without; None if all views are
        cached.
        """
        self.module = student
        self.num_examples = len(views)
        self._student = student
        self._teacher = teacher
        self._views = views
        self._loss = settings.loss

    def before_step(self, progress: float) -> None:
        """Anneals the student."""
        self._student.anneal(progress)

    def batch(self, rows_B: Tensor, rng: torch.Generator) -> Batch:
        """A view of each cloud and the teacher's tokens for it."""
        batch = self._views.draw(rows_B, rng)
        if batch.targets_BCD is not None:
            return batch
        assert self._teacher is not None, "views without cached targets need the teacher"
        with torch.no_grad():
            return Batch(batch.inputs, self._teacher.tokens(batch.inputs))

    def loss(self, batch: Batch) -> Tensor:
        """Between the student's tokens and the teacher's."""
        assert batch.targets_BCD is not None
        return token_loss(self._student.tokens(batch.inputs), batch.targets_BCD, self._loss)


@torch.inference_mode()
def heldout_metrics(
    student: Student, teacher: Teacher | None, views: Views, loss: LossSettings
) -> dict[str, float]:
    """How well the student gives back the teacher's tokens on clouds it has not seen.

    `heldout_nmse`: mean squared error to the teacher's tokens over their variance, token by token:
    1 - R², comparable between losses. `supertokens_in_use`: SuperTokens with at least one token,
    mean over clouds. `encoder_tokens`: places in the encoder's input, mean over clouds; an empty
    SuperToken has one too, and costs as much.
    """
    student.eval()
    error, in_use, entered, count = 0.0, 0.0, 0.0, 0
    for batch in views.chunks():
        targets_BCD = batch.targets_BCD
        if targets_BCD is None:
            assert teacher is not None, "views without cached targets need the teacher"
            targets_BCD = teacher.tokens(batch.inputs)
        compressed = student.compress(student.embedding(batch.inputs))
        errors_B = normalized_errors(student.tokens(batch.inputs), targets_BCD, loss)
        error += errors_B.sum().item()
        in_use += compressed.supertokens_in_use_B().sum().item()
        entered += compressed.super_BSD.shape[1] * len(errors_B)
        count += len(errors_B)
    return {
        "heldout_nmse": error / count,
        "supertokens_in_use": in_use / count,
        "encoder_tokens": entered / count,
    }


@torch.inference_mode()
def painted_clouds(student: Student, views: Views, dataset: Dataset) -> dict[str, np.ndarray]:
    """A few test clouds of different classes with each point's SuperToken: that of the patch with
    the nearest centre.
    """
    test = dataset.splits["test"]
    _, first = np.unique(dataset.labels_N[test], return_index=True)
    rows = np.sort(first)[:: max(1, len(first) // NUM_PAINTED)][:NUM_PAINTED]
    points_MN3 = torch.from_numpy(subsample(dataset, test[rows], student.patch_spec.points))
    embedding = student.eval().embedding(views.draw(torch.from_numpy(rows)).inputs)
    assign_MC = student.compress(embedding).assign_BCS.argmax(-1).cpu()
    patch_MN = nearest(points_MN3, embedding.centers_BC3.float().cpu(), 1)[..., 0]
    return {
        "points_MN3": points_MN3.numpy().astype(np.float16),
        "supertoken_MN": assign_MC.gather(1, patch_MN).numpy().astype(np.int16),
        "labels_M": dataset.labels_N[test[rows]],
        "class_names": np.array(dataset.class_names),
    }
