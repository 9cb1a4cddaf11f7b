"""Knowledge distillation of one task's answers: what the paper compares a generalist with.

The student learns a fine-tuned teacher's logits (Hinton et al., arXiv 1503.02531), not its tokens.
B clouds, A answers (one a cloud, or one a point), L classes.
"""

from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foundry_bench.models.backbone import Backbone
from foundry_bench.students.student import Student
from foundry_bench.training.loop import Objective
from foundry_bench.training.views import Batch

Q = TypeVar("Q", covariant=True)
Answer = Callable[[Backbone, nn.Module, Any], Tensor]


class Questions(Protocol[Q]):
    """Clouds as a task asks about them, in batches of its own type; `Views` are one kind."""

    def __len__(self) -> int:
        """Clouds."""

    def draw(self, rows_B: Tensor, rng: torch.Generator | None = None) -> Q:
        """A view of each of the clouds `rows_B`."""

    def chunks(self) -> Iterator[Q]:
        """All clouds in order."""


def of_tokens(backbone: Backbone, head: nn.Module, batch: Batch) -> Tensor:
    """The answer of a head that takes the final tokens: logits (B, L)."""
    logits_BL: Tensor = head(backbone.tokens(batch.inputs))
    return logits_BL


class Expert(nn.Module):
    """A backbone with a head: clouds -> answers."""

    def __init__(self, backbone: Backbone, head: nn.Module, answer: Answer = of_tokens) -> None:
        super().__init__()
        self.backbone, self.head = backbone, head
        self.answer = answer

    def forward(self, batch: Any) -> Tensor:
        """Logits (A, L) to a batch of the task's questions."""
        return self.answer(self.backbone, self.head, batch).flatten(0, -2)


class LogitDistillation(Objective[tuple[Any, Tensor]]):
    """Student and a head of its own against a backbone and head that were fine-tuned on a task.

    Attributes:
        pupil: the student with its head.
    """

    def __init__(
        self,
        student: Student,
        head: nn.Module,
        expert: Expert,
        questions: Questions[Any],
        temperature: float,
    ) -> None:
        student.set_drop_path(student.drop_path)
        self.module = self.pupil = Expert(student, head, expert.answer)
        self.num_examples = len(questions)
        self._student = student
        self._expert = expert
        self._questions = questions
        self._temperature = temperature

    def before_step(self, progress: float) -> None:
        """Anneals the student."""
        self._student.anneal(progress)

    def batch(self, rows_B: Tensor, rng: torch.Generator) -> tuple[Any, Tensor]:
        """What is asked of a view of each cloud, and the expert's answers (A, L)."""
        asked = self._questions.draw(rows_B, rng)
        with torch.no_grad():
            return asked, self._expert(asked)

    def loss(self, batch: tuple[Any, Tensor]) -> Tensor:
        """T² KL(expert, student) of the answers softened by the temperature T."""
        asked, wanted_AL = batch
        found_AL = self.pupil(asked).float()
        t = self._temperature
        divergence = F.kl_div(
            (found_AL / t).log_softmax(-1),
            (wanted_AL / t).log_softmax(-1),
            reduction="batchmean",
            log_target=True,
        )
        return t * t * divergence


@torch.inference_mode()
def agreement(pupil: Expert, expert: Expert, questions: Questions[Any]) -> float:
    """The share of questions to which both give the same answer."""
    pupil.eval()
    same = asked = 0
    for batch in questions.chunks():
        is_same_A = pupil(batch).argmax(-1) == expert(batch).argmax(-1)
        same += int(is_same_A.sum())
        asked += len(is_same_A)
    return same / asked
