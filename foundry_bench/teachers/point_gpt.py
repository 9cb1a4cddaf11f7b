"""PointGPT (arXiv 2305.11487); layout as in its official `models/PointGPT.py` and `models/GPT.py`.

B clouds, C patches, D width.
"""

import math
from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foundry_bench.geometry.chain import greedy_chain
from foundry_bench.models.backbone import Inputs
from foundry_bench.models.transformer import NormedSkipBlock
from foundry_bench.teachers.layouts import POINT_GPT
from foundry_bench.teachers.teacher import ViTSettings, ViTTeacher

AXES = 6
"""A sine and a cosine of each coordinate."""


class TurnPositions(nn.Module):
    """Centres (B, C, 3) -> positions (B, C, D): the sine and the cosine of 2πx, alternating over a
    third of the width, then those of y, then of z; zeros where 6 does not divide the width.

    The official code sets the base of the frequencies to 1, so that there is one frequency.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, centers_BC3: Tensor) -> Tensor:
        """Nothing here is learned."""
        angles_BC3 = 2 * math.pi * centers_BC3
        pairs_BC32 = torch.stack([angles_BC3.sin(), angles_BC3.cos()], dim=-1)
        repeats = self.width // AXES
        positions_BCD = pairs_BC32.repeat(1, 1, 1, repeats).flatten(-2)
        return F.pad(positions_BCD, (0, self.width - AXES * repeats))


class HalfNormedSkipBlock(NormedSkipBlock):
    """A block whose first skip connection carries the tokens after the LayerNorm, and whose second
    those before it.
    """

    def transformed(self, tokens_BCD: Tensor) -> Tensor:
        """The second half of the block, as in most ViTs."""
        return tokens_BCD + self.dropped(self._mlp(self.norm2(tokens_BCD)))


def causal_mask(centers_BC3: Tensor) -> Tensor:
    """True (B, C, C) where the second patch is the first or comes before it.

    The sequence is the greedy chain from the first patch, which the official code calls a
    simplified Morton order.
    """
    first_B = centers_BC3.new_zeros(centers_BC3.shape[0], dtype=torch.long)
    place_BC = greedy_chain(centers_BC3, first_B).argsort(1)
    return place_BC.unsqueeze(1) <= place_BC.unsqueeze(2)


class PointGpt(ViTTeacher):
    """The extractor of PointGPT: behind a start token, a patch attends to those before it in a
    chain through the centres.

    A patch's token is what the extractor makes at that patch's own place of the sequence; the
    generator, which draws the next patch from it, is left out. `encoder` alone attends everywhere:
    SuperTokens, for which students copy it, have no order.
    """

    layout = POINT_GPT
    tokenizer_bias = True
    qkv_bias = True
    num_class_tokens = 1
    block = HalfNormedSkipBlock
    pretrainable = False

    def make_positions(self, settings: ViTSettings) -> nn.Module:
        """One sine and one cosine of each coordinate, many times over."""
        return TurnPositions(settings.width)

    def tokens(self, inputs: Inputs) -> Tensor:
        """The final tokens (B, C, D), after the last LayerNorm, in the order of the patches."""
        embedding = self.embedding(inputs)
        centers_BC3 = embedding.centers_BC3
        return cast(
            Tensor,
            self.encoder(
                embedding.tokens_BCD, self.positions(centers_BC3), causal_mask(centers_BC3)
            ),
        )

    def layers(self, inputs: Inputs, indices: Sequence[int]) -> list[Tensor]:
        """Tokens after the blocks `indices`, before the last LayerNorm."""
        embedding = self.embedding(inputs)
        centers_BC3 = embedding.centers_BC3
        return self.encoder.hidden(
            embedding.tokens_BCD, self.positions(centers_BC3), causal_mask(centers_BC3), indices
        )
