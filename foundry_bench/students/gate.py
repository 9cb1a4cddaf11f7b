"""What decides, token by token, who is merged. B clouds, C tokens, D width."""

from typing import cast

import torch
from torch import Tensor, nn


class Gate(nn.Module):
    """A two-layer MLP on token and position: π, the probability that a token is merged.

    It starts near 0.27: at first every token is kept. `init_bias` is its logit.
    """

    init_bias = -1.0

    def __init__(self, width: int, *, weight_decay: bool) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.position_norm = nn.LayerNorm(width)
        self.layers = nn.Sequential(nn.Linear(2 * width, width), nn.GELU(), nn.Linear(width, 1))
        nn.init.constant_(cast(nn.Linear, self.layers[2]).bias, self.init_bias)
        for parameter in self.parameters():
            parameter.no_weight_decay = not weight_decay  # type: ignore[attr-defined]

    def forward(self, tokens_BCD: Tensor, positions_BCD: Tensor) -> Tensor:
        """The logits of π (B, C), in float32 also under autocast."""
        both_BCE = torch.cat([self.norm(tokens_BCD), self.position_norm(positions_BCD)], dim=-1)
        with torch.autocast(both_BCE.device.type, enabled=False):
            return cast(Tensor, self.layers(both_BCE.float()).squeeze(-1))


def lowest(score_BC: Tensor, num: int) -> Tensor:
    """True for the `num` tokens of each cloud with the lowest score; of equal ones the first."""
    rank_BC = score_BC.argsort(dim=1, stable=True).argsort(dim=1, stable=True)
    return rank_BC < num


def straight_through(hard_BC: Tensor, soft_BC: Tensor) -> Tensor:
    """The hard values with the gradient of the soft ones."""
    return hard_BC.to(soft_BC.dtype) + soft_BC - soft_BC.detach()
