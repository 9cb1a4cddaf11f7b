"""The one training loop: pre-training, distillation and fine-tuning are objectives of it."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from foundry_bench.config.settings import OptimizerSettings
from foundry_bench.errors import DivergedError
from foundry_bench.files import flush, replacing
from foundry_bench.precision import resolve
from foundry_bench.record import StageKind
from foundry_bench.seeds import generator, seeded
from foundry_bench.stage import Progress, StageContext
from foundry_bench.turns import clock, next_turn, num_in_turns

CHECKPOINT = "checkpoint.pt"
LOSSES_BETWEEN_CHECKS_ON_GPU = 50

B = TypeVar("B")


class Objective(ABC, Generic[B]):
    """What is trained, on how many examples, and to what end. `B` is the type of a batch.

    Attributes:
        module: holds every parameter and buffer that training changes.
        num_examples: rows of an epoch.
    """

    module: nn.Module
    num_examples: int

    @abstractmethod
    def batch(self, rows_B: Tensor, rng: torch.Generator) -> B:
        """What the examples `rows_B` look like this time; augmentation is drawn from `rng`."""

    @abstractmethod
    def loss(self, batch: B) -> Tensor:
        """The mean loss over a batch (noise draws from torch's global generator)."""

    def before_step(self, progress: float) -> None:
        """Called before each optimiser step with the share of training done, 0 to 1."""

    def after_step(self, progress: float) -> None:
        """Called after each optimiser step with the share of training done, 0 to 1."""

    def after_epoch(self, epoch: int) -> dict[str, float]:
        """Further numbers for the epoch's line of the history."""
        return {}


@dataclass(frozen=True)
class Progressing:
    """Tells the stage's caller about each epoch.

    Attributes:
        epochs: of the whole stage.
        earlier: epochs of it that came before this training, in others.
    """

    context: StageContext
    stage: StageKind
    task: str | None
    epochs: int
    earlier: int = 0

    def __call__(self, history: list[dict[str, float]]) -> None:
        """Report the last line of `history`, with the time left at the pace so far."""
        done = self.earlier + len(history)
        pace_s = sum(line["wall_s"] for line in history) / len(history)
        left_s = pace_s * (self.epochs - done) * num_in_turns()
        self.context.report(Progress(self.stage, self.task, done, self.epochs, history[-1], left_s))


def fit(
    objective: Objective[Any],
    settings: OptimizerSettings,
    *,
    seed: int,
    directory: Path,
    report: Progressing,
) -> list[dict[str, float]]:
    """Train, and return the history: a line per epoch with epoch, loss, lr, clouds_per_s, wall_s
    and the objective's own.

    Continues from the checkpoint in `directory` if there is one, and leaves one there, of the last
    epoch too. The numbers are then those of an undisturbed run, bitwise: every epoch seeds its own
    streams for order, augmentation and noise.

    Raises:
        DivergedError: with the first step whose loss is not finite.
    """
    trained = [parameter for parameter in objective.module.parameters() if parameter.requires_grad]
    optimizer = adamw(trained, settings)
    history = _resume(directory / CHECKPOINT, objective.module, optimizer)
    whole = num_batches(objective.num_examples, settings.batch)
    steps_per_epoch = min(whole, settings.steps_per_epoch or whole)
    num_seen = objective.num_examples
    if steps_per_epoch < whole:
        num_seen = steps_per_epoch * settings.batch
    num_steps = steps_per_epoch * settings.epochs
    objective.module.train()
    for epoch in range(len(history) + 1, settings.epochs + 1):
        start = clock()
        first_step = (epoch - 1) * steps_per_epoch
        losses: list[Tensor] = []
        objective.module.train()
        augmentation = generator(seed, "views", epoch)
        with seeded(seed, "noise", epoch):
            batches = _batches(objective.num_examples, settings.batch, seed, epoch)
            for step, rows_B in enumerate(islice(batches, steps_per_epoch), start=first_step):
                next_turn()
                objective.before_step(step / num_steps)
                lr = learning_rate(step, num_steps, settings)
                batch = objective.batch(rows_B, augmentation)
                losses.append(train_step(objective, batch, trained, optimizer, lr, settings))
                _check_finite(losses, first_step, last=len(losses) == steps_per_epoch)
                objective.after_step((step + 1) / num_steps)
        wall_s = clock() - start
        line = {
            "epoch": float(epoch),
            "loss": torch.stack(losses).double().mean().item(),
            "lr": lr,
            "clouds_per_s": num_seen / wall_s,
            "wall_s": wall_s,
        }
        history.append(line | objective.after_epoch(epoch))
        _save(directory / CHECKPOINT, objective.module, optimizer, history)
        report(history)
    return history


def learning_rate(step: int, num_steps: int, settings: OptimizerSettings) -> float:
    """Linear warm-up to `settings.lr` over the share `settings.warmup` of all steps, then a cosine
    to `settings.lr_floor`.

    With `lr_per: epoch` the steps of an epoch share a rate: the first epoch has the rate before the
    warm-up, the last one of the warm-up has `settings.lr` (LinearWarmupCosineAnnealingLR of
    Lightning Bolts).
    """
    floor = settings.lr_floor or 0.0
    start = floor if settings.lr_start is None else settings.lr_start
    if settings.lr_per == "epoch":
        now, end = step * settings.epochs // num_steps, settings.epochs
        warmup = round(end * settings.warmup)
        risen, rise = now, max(1, warmup - 1)
    else:
        now, end = step, num_steps
        risen, rise = step + 1, int(num_steps * settings.warmup)
        warmup = rise
    if now < warmup:
        return start + (settings.lr - start) * risen / rise
    progress = (now - warmup) / max(1, end - warmup)
    return floor + (settings.lr - floor) * (1 + math.cos(math.pi * progress)) / 2


def num_batches(num_examples: int, batch: int) -> int:
    """Batches of an epoch; a last one of a single example is left out, since batch norm cannot
    train on it.
    """
    whole, rest = divmod(num_examples, batch)
    return max(1, whole + (rest > 1))


def train_step(
    objective: Objective[Any],
    batch: Any,
    trained: list[nn.Parameter],
    optimizer: torch.optim.Optimizer,
    lr: float,
    settings: OptimizerSettings,
) -> Tensor:
    """One step of `optimizer`, which holds the parameters `trained`, at the learning rate `lr`; the
    loss, which nothing has waited for.
    """
    for group in optimizer.param_groups:
        group["lr"] = lr * group.get("lr_scale", 1.0)
    device = trained[0].device.type
    is_half = resolve(settings.precision, device) == "bfloat16"
    with torch.autocast(device, torch.bfloat16, enabled=is_half):
        loss = objective.loss(batch)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    if settings.clip is not None:
        nn.utils.clip_grad_norm_(trained, settings.clip)
    optimizer.step()
    return loss.detach()


def _batches(num_examples: int, batch: int, seed: int, epoch: int) -> Iterator[Tensor]:
    order = torch.randperm(num_examples, generator=generator(seed, "order", epoch))
    return iter(order.split(batch)[: num_batches(num_examples, batch)])


def adamw(trained: list[nn.Parameter], settings: OptimizerSettings) -> torch.optim.Optimizer:
    """AdamW; parameters with the mark `lr_scale` learn at that multiple of the learning rate.

    Vectors (biases, norms) are decayed with `settings.decay_vectors` alone, parameters with the
    mark `no_weight_decay` never.
    """
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {(1.0, True): [], (1.0, False): []}
    for parameter in trained:
        is_matrix = parameter.ndim > 1 or settings.decay_vectors
        is_decayed = is_matrix and not getattr(parameter, "no_weight_decay", False)
        scale = getattr(parameter, "lr_scale", 1.0)
        groups.setdefault((scale, is_decayed), []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "weight_decay": settings.weight_decay if is_decayed else 0.0,
                "lr_scale": scale,
            }
            for (scale, is_decayed), parameters in groups.items()
            if parameters
        ],
        lr=settings.lr,
        eps=settings.eps,
        fused=True,
    )


def _check_finite(losses: list[Tensor], first_step: int, *, last: bool) -> None:
    """Looks at each loss on the CPU; on a GPU only now and then, since looking waits for it."""
    every = 1 if losses[-1].device.type == "cpu" else LOSSES_BETWEEN_CHECKS_ON_GPU
    if len(losses) % every and not last:
        return
    recent = torch.stack(losses[-every:])
    if not bool(recent.isfinite().all()):
        offset = len(losses) - len(recent) + int((~recent.isfinite()).nonzero()[0])
        raise DivergedError(first_step + offset, losses[offset].item())


def _save(
    path: Path, module: nn.Module, optimizer: torch.optim.Optimizer, history: list[dict[str, float]]
) -> None:
    state = {"module": module.state_dict(), "optimizer": optimizer.state_dict(), "history": history}
    with replacing(path) as temporary:
        torch.save(state, temporary)
        flush(temporary)


def _resume(
    path: Path, module: nn.Module, optimizer: torch.optim.Optimizer
) -> list[dict[str, float]]:
    if not path.is_file():
        return []
    state = torch.load(path, weights_only=True, map_location=next(module.parameters()).device)
    module.load_state_dict(state["module"])
    optimizer.load_state_dict(state["optimizer"])
    history: list[dict[str, float]] = state["history"]
    return history
