"""The plain pre-norm ViT of the paper. B clouds, C tokens, D width, H heads, E width of a head."""

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Attention(nn.Module):
    """Multi-head self-attention."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens_BCD: Tensor, mask_B11C: Tensor | None = None) -> Tensor:
        """`mask_B11C`: True where a token may be attended to; None: everywhere."""
        B, C, D = tokens_BCD.shape
        q_BHCE, k_BHCE, v_BHCE = (
            self.qkv(tokens_BCD).view(B, C, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        )
        mixed_BHCE = F.scaled_dot_product_attention(q_BHCE, k_BHCE, v_BHCE, attn_mask=mask_B11C)
        return cast(Tensor, self.proj(mixed_BHCE.transpose(1, 2).reshape(B, C, D)))


class Block(nn.Module):
    """Attention and MLP, each behind a LayerNorm and around a skip connection."""

    def __init__(self, width: int, heads: int, mlp_ratio: float, drop_path: float) -> None:
        super().__init__()
        hidden = int(width * mlp_ratio)
        self.norm1 = nn.LayerNorm(width)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))
        self.drop_path = drop_path

    def forward(self, tokens_BCD: Tensor, mask_B11C: Tensor | None = None) -> Tensor:
        """Tokens of the same shape."""
        tokens_BCD = tokens_BCD + self._maybe_drop(self.attn(self.norm1(tokens_BCD), mask_B11C))
        return tokens_BCD + self._maybe_drop(self.mlp(self.norm2(tokens_BCD)))

    def _maybe_drop(self, branch_BCD: Tensor) -> Tensor:
        """Stochastic depth: in training, a branch is dropped for a whole cloud."""
        if not self.training or self.drop_path == 0:
            return branch_BCD
        keep = 1 - self.drop_path
        kept_B11 = torch.rand(len(branch_BCD), 1, 1, device=branch_BCD.device) < keep
        return branch_BCD * (kept_B11 / keep)


class Encoder(nn.Module):
    """Blocks with the position added before every one of them, and a last LayerNorm (as in Point-
    JEPA).
    """

    def __init__(
        self, width: int, depth: int, heads: int, *, mlp_ratio: float = 4.0, drop_path: float = 0.0
    ) -> None:
        """`drop_path` is the last block's rate; it grows linearly from 0 at the first."""
        super().__init__()
        rates = torch.linspace(0, drop_path, depth).tolist()
        self.blocks = nn.ModuleList(Block(width, heads, mlp_ratio, rate) for rate in rates)
        self.norm = nn.LayerNorm(width)

    def forward(
        self, tokens_BCD: Tensor, positions_BCD: Tensor, mask_BC: Tensor | None = None
    ) -> Tensor:
        """Tokens after the last LayerNorm. `mask_BC`: True where a token exists."""
        return cast(Tensor, self.norm(self.hidden(tokens_BCD, positions_BCD, mask_BC)[-1]))

    def hidden(
        self,
        tokens_BCD: Tensor,
        positions_BCD: Tensor,
        mask_BC: Tensor | None = None,
        indices: Sequence[int] = (-1,),
    ) -> list[Tensor]:
        """Tokens after the blocks named by `indices` (negative ones count from the end), before the
        LayerNorm.
        """
        wanted = [index % len(self.blocks) for index in indices]
        mask_B11C = None if mask_BC is None else mask_BC[:, None, None, :]
        outputs: dict[int, Tensor] = {}
        for number, block in enumerate(self.blocks):
            tokens_BCD = block(tokens_BCD + positions_BCD, mask_B11C)
            if number in wanted:
                outputs[number] = tokens_BCD
        return [outputs[number] for number in wanted]


POSITION_HIDDEN = 128
"""Of the position MLPs in the published code."""


def position_mlp(hidden: int, width: int) -> nn.Sequential:
    """3 -> hidden -> GELU -> width: the embedding of a patch centre."""
    return nn.Sequential(nn.Linear(3, hidden), nn.GELU(), nn.Linear(hidden, width))


@torch.no_grad()
def initialize(module: nn.Module) -> None:
    """Truncated normal of std 0.02 for linear weights, zero biases, as ViTs are initialised."""
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.trunc_normal_(part.weight, std=0.02)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
