"""The plain pre-norm ViT of the paper, and what the other families change in it.

B clouds, C tokens, K class tokens, D width, H heads, E width of a head.
"""

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Attention(nn.Module):
    """Multi-head self-attention."""

    def __init__(self, width: int, heads: int, *, qkv_bias: bool = True) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=qkv_bias)
        self.proj = nn.Linear(width, width)
        self.dropout = self.attention_dropout = 0.0

    def forward(self, tokens_BCD: Tensor, mask_B11C: Tensor | None = None) -> Tensor:
        """`mask_B11C`: True where a token may be attended to, or numbers that are added to the
        logits; None: everywhere.
        """
        return self.mix(*self.project(tokens_BCD), mask_B11C)

    def project(self, tokens_BCD: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, each (B, H, C, E)."""
        B, C, _ = tokens_BCD.shape
        q_BHCE, k_BHCE, v_BHCE = (
            self.qkv(tokens_BCD).view(B, C, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        )
        return q_BHCE, k_BHCE, v_BHCE

    def mix(
        self, q_BHCE: Tensor, k_BHCE: Tensor, v_BHCE: Tensor, mask_B11C: Tensor | None = None
    ) -> Tensor:
        """What attention adds to the tokens, (B, C, D); `mask_B11C` as in `forward`."""
        rate = self.attention_dropout if self.training else 0.0
        mixed_BHCE = F.scaled_dot_product_attention(
            q_BHCE, k_BHCE, v_BHCE, attn_mask=mask_B11C, dropout_p=rate
        )
        return _thinned(self, self.proj(mixed_BHCE.transpose(1, 2).flatten(2)))


class Block(nn.Module):
    """Attention and MLP, each behind a LayerNorm and around a skip connection."""

    def __init__(
        self, width: int, heads: int, mlp_ratio: float, drop_path: float, *, qkv_bias: bool = True
    ) -> None:
        super().__init__()
        hidden = int(width * mlp_ratio)
        self.norm1 = nn.LayerNorm(width)
        self.attn = Attention(width, heads, qkv_bias=qkv_bias)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))
        self.drop_path = drop_path
        self.dropout = 0.0

    def forward(self, tokens_BCD: Tensor, mask_B11C: Tensor | None = None) -> Tensor:
        """Tokens of the same shape."""
        normed_BCD = self.norm1(tokens_BCD)
        return self.transformed(
            self.skipped(tokens_BCD, normed_BCD) + self.dropped(self.attn(normed_BCD, mask_B11C))
        )

    def transformed(self, tokens_BCD: Tensor) -> Tensor:
        """The second half of the block: its MLP."""
        normed_BCD = self.norm2(tokens_BCD)
        return self.skipped(tokens_BCD, normed_BCD) + self.dropped(self._mlp(normed_BCD))

    def _mlp(self, normed_BCD: Tensor) -> Tensor:
        if not self.training or self.dropout == 0:
            return cast(Tensor, self.mlp(normed_BCD))
        enter, activation, leave = self.mlp
        return _thinned(self, leave(_thinned(self, activation(enter(normed_BCD)))))

    def skipped(self, tokens_BCD: Tensor, normed_BCD: Tensor) -> Tensor:
        """What a skip connection carries past attention or MLP: here the tokens before the norm."""
        return tokens_BCD

    def dropped(self, branch_BCD: Tensor) -> Tensor:
        """Stochastic depth: in training, a branch is dropped for a whole cloud."""
        if not self.training or self.drop_path == 0:
            return branch_BCD
        keep = 1 - self.drop_path
        kept_B11 = torch.rand(len(branch_BCD), 1, 1, device=branch_BCD.device) < keep
        return branch_BCD * (kept_B11 / keep)


def _thinned(module: Attention | Block, values: Tensor) -> Tensor:
    """`values` after dropout at the module's rate, in training."""
    if not module.training or module.dropout == 0:
        return values
    return F.dropout(values, module.dropout)


class NormedSkipBlock(Block):
    """A block whose skip connections carry the tokens after the LayerNorm (ReCon's)."""

    def skipped(self, tokens_BCD: Tensor, normed_BCD: Tensor) -> Tensor:
        """The tokens after the norm."""
        return normed_BCD


class Encoder(nn.Module):
    """Blocks with the position added before every one of them, and a last LayerNorm (as in Point-
    JEPA).

    Class tokens, where a family has them, are the encoder's own: they enter before the tokens it is
    given, go through the blocks with them, and are left out of what it returns.

    Attributes:
        num_class_tokens: how many enter before the tokens given.
    """

    def __init__(
        self,
        width: int,
        depth: int,
        heads: int,
        *,
        mlp_ratio: float = 4.0,
        drop_path: float = 0.0,
        qkv_bias: bool = True,
        num_class_tokens: int = 0,
        block: type[Block] = Block,
    ) -> None:
        """`drop_path` is the last block's rate; it grows linearly from 0 at the first."""
        super().__init__()
        rates = torch.linspace(0, drop_path, depth).tolist()
        self.blocks = nn.ModuleList(
            block(width, heads, mlp_ratio, rate, qkv_bias=qkv_bias) for rate in rates
        )
        self.norm = nn.LayerNorm(width)
        self.num_class_tokens = num_class_tokens
        if num_class_tokens:
            self.class_tokens, self.class_positions = (
                nn.Parameter(nn.init.trunc_normal_(torch.empty(num_class_tokens, width), std=0.02))
                for _ in range(2)
            )

    def set_drop_path(self, last: float, first: float = 0.0) -> None:
        """Rates of the blocks' drop paths, linear from `first` to `last`."""
        rates = torch.linspace(first, last, len(self.blocks)).tolist()
        for block, rate in zip(self.blocks, rates, strict=True):
            block.drop_path = rate

    def set_dropout(self, dropout: float, attention_dropout: float) -> None:
        """Rates in training: behind attention and the layers of the MLPs, and of what attends."""
        for block in self.blocks:
            assert isinstance(block, Block)
            block.dropout = block.attn.dropout = dropout
            block.attn.attention_dropout = attention_dropout

    def forward(
        self, tokens_BCD: Tensor, positions_BCD: Tensor, mask_BC: Tensor | None = None
    ) -> Tensor:
        """Tokens after the last LayerNorm.

        `mask_BC`: True where a token exists; or (B, C, C), True where the first token may attend to
        the second. Class tokens then attend to class tokens alone, and all tokens to them.
        """
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
        tokens_BCD, positions_BCD, mask_BC = self.enter(tokens_BCD, positions_BCD, mask_BC)
        mask_B11C = None if mask_BC is None else _over_heads(mask_BC)
        outputs: dict[int, Tensor] = {}
        for number, block in enumerate(self.blocks):
            tokens_BCD = block(tokens_BCD + positions_BCD, mask_B11C)
            if number in wanted:
                outputs[number] = tokens_BCD[:, self.num_class_tokens :]
        return [outputs[number] for number in wanted]

    def enter(
        self, tokens_BCD: Tensor, positions_BCD: Tensor, mask_BC: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """What the first block gets: the class tokens first, with their positions, then the tokens.

        For whoever walks over `blocks` herself; the first `num_class_tokens` tokens are to be left
        out at the end.
        """
        num = self.num_class_tokens
        if not num:
            return tokens_BCD, positions_BCD, mask_BC
        tokens_BCD, positions_BCD = (
            torch.cat(
                [first_KD.to(rest_BCD.dtype).expand(rest_BCD.shape[0], -1, -1), rest_BCD], dim=1
            )
            for first_KD, rest_BCD in (
                (self.class_tokens, tokens_BCD),
                (self.class_positions, positions_BCD),
            )
        )
        if mask_BC is not None:
            if mask_BC.dim() == PAIRWISE:
                none_BKC = mask_BC.new_zeros(mask_BC.shape[0], num, mask_BC.shape[2])
                mask_BC = torch.cat([none_BKC, mask_BC], dim=1)
            first_BK = mask_BC.new_ones(*mask_BC.shape[:-1], num)
            mask_BC = torch.cat([first_BK, mask_BC], dim=-1)
        return tokens_BCD, positions_BCD, mask_BC


PAIRWISE = 3
"""Dimensions of a mask that says of pairs of tokens, and not of tokens, what may be attended to."""


def _over_heads(mask_BC: Tensor) -> Tensor:
    """A mask of tokens (B, 1, 1, C), or of pairs (B, 1, C, C), as attention adds it."""
    return mask_BC[:, None] if mask_BC.dim() == PAIRWISE else mask_BC[:, None, None]


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
