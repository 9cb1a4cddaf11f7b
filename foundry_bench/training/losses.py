"""How far a student's tokens are from its teacher's. B clouds, C tokens, D width."""

import torch
import torch.nn.functional as F
from torch import Tensor

from foundry_bench.config.settings import LossSettings


def token_loss(student_BCD: Tensor, teacher_BCD: Tensor, settings: LossSettings) -> Tensor:
    """The distillation loss (paper: SmoothL1(Ŷ, Y) on final tokens), in float32, a mean over all
    entries.
    """
    with torch.autocast(student_BCD.device.type, enabled=False):
        return _loss(student_BCD.float(), teacher_BCD.float(), settings)


def _loss(student_BCD: Tensor, teacher_BCD: Tensor, settings: LossSettings) -> Tensor:
    if settings.target_norm == "layer":
        teacher_BCD = normalized(teacher_BCD)
    if settings.name == "smooth_l1":
        return F.smooth_l1_loss(student_BCD, teacher_BCD, beta=settings.beta)
    if settings.name == "mse":
        return F.mse_loss(student_BCD, teacher_BCD)
    if settings.name == "relational":
        return F.mse_loss(similarities(student_BCD), similarities(teacher_BCD))
    return 1 - F.cosine_similarity(student_BCD, teacher_BCD, dim=-1).mean()


def similarities(tokens_BCD: Tensor) -> Tensor:
    """Cosines (B, C, C) between the tokens of a cloud."""
    unit_BCD = F.normalize(tokens_BCD, dim=-1)
    return unit_BCD @ unit_BCD.transpose(1, 2)


def normalized(tokens_BCD: Tensor) -> Tensor:
    """LayerNorm without affine, as Point-JEPA normalises its targets."""
    return F.layer_norm(tokens_BCD, tokens_BCD.shape[-1:])


def token_errors(student_BCD: Tensor, teacher_BCD: Tensor, settings: LossSettings) -> Tensor:
    """Per token (B, C), the mean squared error over the variance of the teacher's token.

    A student that learned LayerNormed targets is compared with those; one that learned raw tokens
    with the raw ones, in units of each token's standard deviation. The cosine loss leaves the scale
    open, so its students are LayerNormed too. (The relational loss leaves any rotation open: this
    number does not say how well it was learned.)
    """
    student_BCD, teacher_BCD = student_BCD.float(), teacher_BCD.float()
    if settings.name in ("cosine", "relational"):
        student_BCD = normalized(student_BCD)
    elif settings.target_norm == "none":
        spread_BC1 = teacher_BCD.std(-1, correction=0, keepdim=True)
        return ((student_BCD - teacher_BCD) / spread_BC1).square().mean(2)
    return (student_BCD - normalized(teacher_BCD)).square().mean(2)


def normalized_errors(student_BCD: Tensor, teacher_BCD: Tensor, settings: LossSettings) -> Tensor:
    """Per cloud (B,), the mean of `token_errors`: 1 - R²."""
    return token_errors(student_BCD, teacher_BCD, settings).mean(1)
