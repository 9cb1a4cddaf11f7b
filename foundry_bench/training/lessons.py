"""What a student learns from: views, and what the teacher makes of them.

B clouds, C tokens, D width.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from foundry_bench.models.backbone import Embedding
from foundry_bench.precision import resolve
from foundry_bench.teachers.teacher import Teacher
from foundry_bench.training.views import Batch, Views


class Lessons:
    """Views with the teacher's tokens: cached with them, or asked of the teacher.

    Students that learn side by side from one object pay for each batch once.
    """

    def __init__(
        self,
        views: Views,
        teacher: Teacher | None,
        *,
        on_patches: bool = True,
        precision: str = "float32",
    ) -> None:
        """`teacher` may be None if all views come with tokens. Without `on_patches` students get
        the embedding that the teacher made of the patches, as they do from cached views: their
        tokenizer is the teacher's, and does not train.
        """
        self._views = views
        self._teacher = teacher
        self._on_patches = on_patches
        self._precision = precision
        self._last: _Drawn | None = None

    def __len__(self) -> int:
        """Clouds of the views."""
        return len(self._views)

    def batch(self, rows_B: Tensor, rng: torch.Generator) -> Batch:
        """A view of each of the clouds `rows_B`, drawn from `rng`, and the teacher's tokens for it;
        not to be changed: the next to ask the same gets the same.
        """
        before = rng.get_state()
        last = self._last
        if last is not None and last.is_answer_to(rows_B, before):
            rng.set_state(last.after)
            return last.batch
        batch = self._taught(self._views.draw(rows_B, rng))
        self._last = _Drawn(rows_B, before, rng.get_state(), batch)
        return batch

    def _taught(self, batch: Batch) -> Batch:
        if batch.targets_BCD is not None:
            return batch
        assert self._teacher is not None, "views without cached targets need the teacher"
        device = next(self._teacher.parameters()).device.type
        is_half = resolve(self._precision, device) == "bfloat16"
        with torch.no_grad(), torch.autocast(device, torch.bfloat16, enabled=is_half):
            embedding = self._teacher.embedding(batch.inputs)
            targets_BCD = self._teacher.tokens(embedding).float()
        embedding = Embedding(embedding.tokens_BCD.float(), embedding.centers_BC3)
        inputs = batch.inputs if self._on_patches else embedding
        return Batch(inputs, targets_BCD, embedding.tokens_BCD, batch.view)


class _Drawn(NamedTuple):
    """The last batch, and the state of the generator before and after it was drawn."""

    rows_B: Tensor
    before: Tensor
    after: Tensor
    batch: Batch

    def is_answer_to(self, rows_B: Tensor, state: Tensor) -> bool:
        return torch.equal(self.rows_B, rows_B) and torch.equal(self.before, state)
