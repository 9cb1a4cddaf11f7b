"""`torch.compile` where it computes what eager does, and eager where it does not.

A compiled step has been seen to give NaN from the second step on at one batch size, and to be right
at another: so it is compared, in every training, before it is used.
"""

import copy
import logging

import torch
from torch import Tensor

from foundry_bench.config.settings import DistillSettings
from foundry_bench.seeds import generator, seeded
from foundry_bench.students.student import Student
from foundry_bench.training.distill import Backend, Distillation
from foundry_bench.training.lessons import Lessons
from foundry_bench.training.loop import adamw, train_step

STEPS = 200
BLOCK = 50
"""Steps over which losses are averaged before they are compared: single ones drift apart, since a
last bit may send a token to another SuperToken.
"""
BATCH = 16
TOLERANCE = 0.02

log = logging.getLogger(__name__)


def compile_if_equal(
    objective: Distillation,
    student: Student,
    lessons: Lessons,
    settings: DistillSettings,
    *,
    seed: int,
    backend: Backend = "inductor",
) -> bool:
    """Compile the pass of `objective` over `student`; whether it was done.

    It is not, and a message says why, if copies of the student that train on the same small batches
    with and without part within 200 steps: by more than 2 % in the mean loss of 50 steps, by a loss
    that is not finite, or because compiling fails. The student and all random streams stay as they
    were.
    """
    try:
        eager, compiled = (
            _losses(student, lessons, settings, seed, given) for given in (None, backend)
        )
    except Exception as error:  # a compiler may fail in any way; eager still works
        log.warning("training goes on without torch.compile, which failed: %s", error)
        return False
    if (difference := _difference(eager, compiled)) is not None:
        log.warning("training goes on without torch.compile: %s", difference)
        return False
    objective.compile(backend)
    return True


def _losses(
    student: Student,
    lessons: Lessons,
    settings: DistillSettings,
    seed: int,
    backend: Backend | None,
) -> Tensor:
    """The losses of a copy of the student in its first steps, on the CPU."""
    tried = copy.deepcopy(student).train()
    objective = Distillation(tried, lessons, settings)
    if backend is not None:
        objective.compile(backend)
    trained = [parameter for parameter in tried.parameters() if parameter.requires_grad]
    optimizer = adamw(trained, settings)
    order, views = generator(seed, "order", "compile"), generator(seed, "views", "compile")
    batch = min(BATCH, len(lessons))
    losses = []
    with seeded(seed, "noise", "compile"):
        for _ in range(STEPS):
            rows_B = torch.randint(len(lessons), (batch,), generator=order)
            shown = objective.batch(rows_B, views)
            losses.append(train_step(objective, shown, trained, optimizer, settings.lr, settings))
    return torch.stack(losses).cpu()


def _difference(eager: Tensor, compiled: Tensor) -> str | None:
    """How the losses differ, in words; None if they are the same within the tolerance."""
    if not bool(compiled.isfinite().all()):
        step = int((~compiled.isfinite()).nonzero()[0])
        return f"its loss is {compiled[step].item()} at step {step}"
    means, others = (losses.double().view(-1, BLOCK).mean(1) for losses in (eager, compiled))
    part = ((others - means) / means).abs()
    if bool((part > TOLERANCE).any()):
        return f"its losses differ from eager's by {part.max().item():.1%}"
    return None
