"""Knowledge distillation of one task's answers: what the paper compares a generalist with.

The student learns a fine-tuned teacher's logits (Hinton et al., arXiv 1503.02531), not its tokens.
B clouds, C tokens, D width, L classes.
"""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foundry_bench.models.backbone import Backbone, Inputs
from foundry_bench.students.student import Student
from foundry_bench.training.loop import Objective
from foundry_bench.training.views import Views


class Expert(nn.Module):
    """A backbone with a head: clouds -> answers."""

    def __init__(self, backbone: Backbone, head: nn.Module) -> None:
        super().__init__()
        self.backbone, self.head = backbone, head

    def forward(self, inputs: Inputs) -> Tensor:
        """Logits (B, L)."""
        return cast(Tensor, self.head(self.backbone.tokens(inputs)))


class LogitDistillation(Objective[tuple[Inputs, Tensor]]):
    """Student and a head of its own against a backbone and head that were fine-tuned on a task.

    Attributes:
        pupil: the student with its head.
    """

    def __init__(
        self,
        student: Student,
        head: nn.Module,
        expert: Expert,
        views: Views,
        temperature: float,
    ) -> None:
        self.module = self.pupil = Expert(student, head)
        self.num_examples = len(views)
        self._student = student
        self._expert = expert
        self._views = views
        self._temperature = temperature

    def before_step(self, progress: float) -> None:
        """Anneals the student."""
        self._student.anneal(progress)

    def batch(self, rows_B: Tensor, rng: torch.Generator) -> tuple[Inputs, Tensor]:
        """A view of each cloud and the expert's answer (B, L)."""
        inputs = self._views.draw(rows_B, rng).inputs
        with torch.no_grad():
            return inputs, self._expert(inputs)

    def loss(self, batch: tuple[Inputs, Tensor]) -> Tensor:
        """T² KL(expert, student) of the answers softened by the temperature T."""
        inputs, wanted_BL = batch
        found_BL = self.pupil(inputs).float()
        t = self._temperature
        divergence = F.kl_div(
            (found_BL / t).log_softmax(-1),
            (wanted_BL / t).log_softmax(-1),
            reduction="batchmean",
            log_target=True,
        )
        return t * t * divergence


@torch.inference_mode()
def agreement(pupil: Expert, expert: Expert, views: Views) -> float:
    """The share of clouds to which both give the same answer."""
    pupil.eval()
    same = 0
    for batch in views.chunks():
        same += int((pupil(batch.inputs).argmax(-1) == expert(batch.inputs).argmax(-1)).sum())
    return same / len(views)
