"""Point-JEPA's pre-training objective (arXiv 2404.16432, official
`pointjepa/models/point_jepa.py`).

From a contiguous block of tokens (the context), predict what an EMA of the encoder makes of other
blocks (the targets). Blocks are contiguous in a nearest-neighbour order of the centres. B clouds, C
patches, D width, P width of the predictor, T tokens of a target block.
"""

import copy
from dataclasses import dataclass
from typing import Literal, cast

import torch
import torch.nn.functional as F
from pydantic import Field, PositiveFloat, PositiveInt, field_validator
from torch import Tensor, nn

from foundry_bench.config.settings import Pair, Settings, later
from foundry_bench.errors import FoundryError
from foundry_bench.geometry.chain import greedy_chain
from foundry_bench.geometry.patches import Patches
from foundry_bench.models.transformer import POSITION_HIDDEN, Encoder, initialize, position_mlp
from foundry_bench.teachers.teacher import Teacher


class JepaSettings(Settings):
    """Point-JEPA, with its published values where they do not depend on the length of training."""

    name: Literal["jepa"] = "jepa"
    num_targets: PositiveInt = 4
    target_share: Pair[float] = (0.15, 0.2)
    """Tokens of a target block, as a share of all."""
    context_share: Pair[float] = (0.4, 0.75)
    """Tokens of the context, as a share of those in no target."""
    predictor_width: PositiveInt = 192
    predictor_depth: PositiveInt = 6
    predictor_heads: PositiveInt = 6
    ema: Pair[float] = (0.9995, 0.99999)
    """Momentum of the target encoder at the first and the last step, linear between."""
    beta: PositiveFloat = Field(2.0)
    """Of the smooth-L1 loss on LayerNormed targets."""
    dropout: float = later(0.0, ge=0, lt=1)
    """In the encoder, behind attention and the layers of the MLPs, while it is pre-trained."""
    attention_dropout: float = later(0.0, ge=0, lt=1)
    """In the encoder, of what attends."""
    predictor_dropout: float = later(0.0, ge=0, lt=1)
    predictor_attention_dropout: float = later(0.0, ge=0, lt=1)
    predictor_drop_path: float = later(0.0, ge=0, lt=1)
    """Stochastic depth in all blocks of the predictor, at the same rate as published."""

    @field_validator("target_share", "context_share")
    @classmethod
    def _is_range_of_shares(cls, share: tuple[float, float]) -> tuple[float, float]:
        if not 0 < share[0] <= share[1] <= 1:
            raise ValueError(f"must be a range 0 < low <= high <= 1, not {list(share)}")
        return share

    def check(self, num_patches: int) -> None:
        """Raise FoundryError if targets may leave none of `num_patches` tokens as context."""
        length = _target_length(num_patches, self.target_share[1])
        if self.num_targets * length >= num_patches:
            raise FoundryError(
                f"objective: {self.num_targets} targets of up to {length} tokens may leave no "
                f"context of the teacher's {num_patches} tokens: lower `num_targets` or "
                "`target_share`"
            )


class Predictor(nn.Module):
    """Context tokens and the centres of a target block -> the tokens expected there."""

    def __init__(self, width: int, settings: JepaSettings) -> None:
        super().__init__()
        inner = settings.predictor_width
        self.enter = nn.Linear(width, inner)
        self.mask_token = nn.Parameter(torch.zeros(inner))
        nn.init.trunc_normal_(self.mask_token, std=0.02)
        self.positions = position_mlp(POSITION_HIDDEN, inner)
        self.encoder = Encoder(inner, settings.predictor_depth, settings.predictor_heads)
        self.leave = nn.Linear(inner, width)
        rate = settings.predictor_drop_path
        self.encoder.set_drop_path(last=rate, first=rate)
        self.encoder.set_dropout(settings.predictor_dropout, settings.predictor_attention_dropout)

    def forward(
        self, context_BCD: Tensor, context_centers_BC3: Tensor, target_centers_BT3: Tensor
    ) -> Tensor:
        """Tokens (B, T, D); positions enter once, before the first block, as published."""
        entered_BCP = self.enter(context_BCD) + self.positions(context_centers_BC3)
        queries_BTP = self.mask_token + self.positions(target_centers_BT3)
        sequence_BSP = torch.cat([entered_BCP, queries_BTP.to(entered_BCP.dtype)], dim=1)
        mixed_BSP = self.encoder(sequence_BSP, torch.zeros_like(sequence_BSP))
        return cast(Tensor, self.leave(mixed_BSP[:, context_BCD.shape[1] :]))


@dataclass(frozen=True)
class Blocks:
    """Which places of the ordered sequence are context, and which are the targets."""

    context: Tensor
    targets: list[Tensor]


class Jepa(nn.Module):
    """The teacher being trained, its EMA and the predictor."""

    def __init__(self, teacher: Teacher, settings: JepaSettings) -> None:
        super().__init__()
        settings.check(teacher.patch_spec.patches)
        self.settings = settings
        self.teacher = teacher
        if settings.dropout or settings.attention_dropout:
            teacher.encoder.set_dropout(settings.dropout, settings.attention_dropout)
        self.target_encoder = copy.deepcopy(teacher.encoder).requires_grad_(False)
        self.predictor = Predictor(teacher.width, settings)
        initialize(self.predictor)

    def train(self, mode: bool = True) -> "Jepa":
        """As in torch, but the target encoder stays in eval mode."""
        super().train(mode)
        self.target_encoder.eval()
        return self

    def forward(self, patches: Patches) -> Tensor:
        """The loss; blocks are drawn once a batch from torch's global generator."""
        embedding = self.teacher.embed(patches)
        order_BC = nearest_neighbor_order(embedding.centers_BC3)
        tokens_BCD = _reorder(embedding.tokens_BCD, order_BC)
        centers_BC3 = _reorder(embedding.centers_BC3, order_BC)
        blocks = draw_blocks(tokens_BCD.shape[1], self.settings, tokens_BCD.device)
        targets_BCD = self._targets(tokens_BCD, centers_BC3)
        context_centers_BC3 = centers_BC3[:, blocks.context]
        context_BCD = self.teacher.encoder(
            tokens_BCD[:, blocks.context], self.teacher.positions(context_centers_BC3)
        )
        return self._loss(
            context_BCD, context_centers_BC3, centers_BC3, targets_BCD, blocks.targets
        )

    @torch.no_grad()
    def update_target(self, progress: float) -> None:
        """Move the target encoder towards the encoder; `progress` is the share of training done, 0
        to 1.
        """
        low, high = self.settings.ema
        momentum = low + (high - low) * progress
        pairs = list(
            zip(self.target_encoder.parameters(), self.teacher.encoder.parameters(), strict=True)
        )
        torch._foreach_lerp_([slow for slow, _ in pairs], [fast for _, fast in pairs], 1 - momentum)

    @torch.no_grad()
    def _targets(self, tokens_BCD: Tensor, centers_BC3: Tensor) -> Tensor:
        """LayerNormed (no affine) output of the EMA encoder's last block."""
        last_BCD = self.target_encoder.hidden(tokens_BCD, self.teacher.positions(centers_BC3))[-1]
        return F.layer_norm(last_BCD.float(), last_BCD.shape[-1:])

    def _loss(
        self,
        context_BCD: Tensor,
        context_centers_BC3: Tensor,
        centers_BC3: Tensor,
        targets_BCD: Tensor,
        targets: list[Tensor],
    ) -> Tensor:
        """Smooth-L1 over all target blocks, which run through the predictor as one batch."""
        num = len(targets)
        places_MT = torch.stack(targets)
        target_centers = centers_BC3[:, places_MT].flatten(0, 1)
        predicted = self.predictor(
            context_BCD.repeat_interleave(num, 0),
            context_centers_BC3.repeat_interleave(num, 0),
            target_centers,
        )
        expected = targets_BCD[:, places_MT].flatten(0, 1)
        return F.smooth_l1_loss(predicted.float(), expected, beta=self.settings.beta)


@torch.no_grad()
def nearest_neighbor_order(centers_BC3: Tensor) -> Tensor:
    """Greedy chain (B, C) through the centres, each step to the nearest not yet visited.

    Starts at the centre with the smallest sum of coordinates (`iterative_nearest_min_start` of the
    official code).
    """
    return greedy_chain(centers_BC3, centers_BC3.sum(-1).argmin(1))


def draw_blocks(num_tokens: int, settings: JepaSettings, device: torch.device) -> Blocks:
    """Contiguous targets of one length, and a contiguous context among the places in no target."""

    def share(low: float, high: float) -> float:
        return low + (high - low) * torch.rand(()).item()

    length = _target_length(num_tokens, share(*settings.target_share))
    starts = torch.randint(num_tokens - length + 1, (settings.num_targets,)).tolist()
    places = torch.arange(num_tokens)
    targets = [places[start : start + length] for start in starts]
    free = torch.ones(num_tokens, dtype=torch.bool)
    for target in targets:
        free[target] = False
    left = places[free]
    num_context = max(1, int(len(left) * share(*settings.context_share)))
    start = int(torch.randint(len(left) - num_context + 1, ()))
    return Blocks(
        left[start : start + num_context].to(device), [target.to(device) for target in targets]
    )


def _target_length(num_tokens: int, share: float) -> int:
    return max(1, int(num_tokens * share))


def _reorder(values_BCX: Tensor, order_BC: Tensor) -> Tensor:
    return values_BCX.gather(1, order_BC[..., None].expand(-1, -1, values_BCX.shape[-1]))
