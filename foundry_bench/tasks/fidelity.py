"""How much of the teacher's tokens a backbone keeps. M tokens, D width."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from foundry_bench.config.tasks import TaskSettings
from foundry_bench.metrics import MetricSpec, MetricSpecs
from foundry_bench.models.backbone import Backbone
from foundry_bench.tasks.task import Task, TaskData, TaskResult, Training
from foundry_bench.training.losses import normalized
from foundry_bench.training.views import Batch


class FidelitySettings(TaskSettings):
    """The protocol is fixed: there is nothing to set."""

    name: str = "fidelity"


class Fidelity(Task):
    """`fidelity/1`: final tokens of the test clouds against the teacher's, patch by patch.

    The cosine is between LayerNormed tokens (without affine), which students are distilled on. The
    linear CKA (Kornblith et al. 2019, arXiv 1905.00414, section 3) is between tokens as they come:
    a rotation or an isotropic scale of either side does not change it, so that it also sees what a
    student keeps that learned the teacher's tokens up to these. Both are 1 for the teacher, but for
    rounding: tokens that are cached are float16.
    """

    Settings = FidelitySettings
    protocol: ClassVar[str] = "fidelity/1"
    metrics: ClassVar[tuple[str, ...]] = ("token_cosine", "token_cka")
    metric_specs: ClassVar[MetricSpecs] = {
        "token_cosine": MetricSpec(label="token cosine", direction="higher"),
        "token_cka": MetricSpec(label="token CKA", direction="higher"),
    }
    trains: ClassVar[bool] = False
    compares: ClassVar[bool] = True

    @torch.inference_mode()
    def evaluate(
        self, backbone: Backbone, data: TaskData, training: Training | None = None
    ) -> TaskResult:
        """`token_cosine`, a mean over all tokens, and `token_cka`, over all tokens at once."""
        backbone.eval()
        cka, total_cosine = LinearCka(), 0.0
        for batch in data.test.chunks():
            own_MD = backbone.tokens(batch.inputs).flatten(0, 1).double()
            teachers_MD = _targets(batch, data).flatten(0, 1).double()
            cosine_M = F.cosine_similarity(normalized(own_MD), normalized(teachers_MD), dim=-1)
            total_cosine += cosine_M.sum().item()
            cka.add(own_MD, teachers_MD)
        return TaskResult({"token_cosine": total_cosine / cka.count, "token_cka": cka.value()})


class LinearCka:
    """Linear centred kernel alignment of tokens that come in chunks: three covariances (D, D) in
    float64, never a kernel (M, M).

    Attributes:
        count: pairs of tokens so far.
    """

    def __init__(self) -> None:
        self.count = 0
        self._origins: list[Tensor] = []
        self._sums: list[Tensor] = []
        self._products: list[Tensor] = []

    def add(self, one_MD: Tensor, other_MD: Tensor) -> None:
        """Count in M pairs of tokens; the widths of the two sides may differ."""
        sides = [one_MD.double(), other_MD.double()]
        if not self.count:
            # Sums of squares far from 0 would cancel; and a constant side is to be exactly 0.
            self._origins = [side[0] for side in sides]
        one, other = (side - origin for side, origin in zip(sides, self._origins, strict=True))
        self._sums = _plus(self._sums, [one.sum(0), other.sum(0)])
        self._products = _plus(self._products, [one.T @ other, one.T @ one, other.T @ other])
        self.count += len(one)

    def value(self) -> float:
        """‖XᵀY‖² / (‖XᵀX‖ ‖YᵀY‖) in Frobenius norms, of centred tokens; 0 if a side is constant."""
        one, other = self._sums
        pairs = ((one, other), (one, one), (other, other))
        cross, own, others = (
            (product - torch.outer(first, second) / self.count).norm().item()
            for product, (first, second) in zip(self._products, pairs, strict=True)
        )
        return cross**2 / (own * others) if own and others else 0.0


def _plus(totals: list[Tensor], parts: list[Tensor]) -> list[Tensor]:
    """The parts, added to the totals if there are any yet."""
    return [total + part for total, part in zip(totals, parts, strict=True)] if totals else parts


def _targets(batch: Batch, data: TaskData) -> Tensor:
    """The teacher's tokens (B, C, D): cached with the views, or computed."""
    if batch.targets_BCD is not None:
        return batch.targets_BCD
    assert data.teacher is not None, "views without the teacher's tokens need the teacher"
    return data.teacher.eval().tokens(batch.inputs)
