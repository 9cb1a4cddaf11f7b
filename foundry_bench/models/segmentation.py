"""The head that labels points: what it takes from an encoder, and how that reaches the points.

B clouds, C tokens, D width, N points, M points of all clouds, L categories, P parts, W width of a
hidden layer, G width of what is known of a whole cloud.
"""

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foundry_bench.geometry.interpolation import interpolation
from foundry_bench.models.heads import pool

LABEL_WIDTH = 64
SLOPE = 0.2
"""Of the leaky ReLU after the category's embedding."""


def layers_of_thirds(depth: int) -> tuple[int, ...]:
    """The blocks that end each third of an encoder of `depth` blocks, counted from 0.

    3, 7 and 11 of 12 as in the published code; where a third is no whole number of blocks, the one
    that it ends in. Fewer than 3 blocks are named once each.
    """
    return tuple(sorted({-(-depth * third // 3) - 1 for third in (1, 2, 3)}))


class SegmentationHead(nn.Module):
    """Tokens of a few layers -> logits of the parts of each point, as in Point-JEPA's code.

    The layers' tokens are normed (without affine) and averaged. What is known of the whole cloud,
    their maximum and mean and an embedding of its category, joins what feature propagation brings
    from the 3 nearest centres to each point; an MLP makes logits of both. Point-MAE's head differs
    in that it concatenates the layers and is wider (`propagation` and `hidden` of 1536 and 1024,
    512 and 256 for a width of 384).

    Two things are computed elsewhere than the published code does, which changes no value:
    propagation's first linear layer works on the tokens, before they are interpolated, and the part
    of the MLP's first layer that sees the whole cloud works once a cloud.
    """

    def __init__(
        self,
        width: int,
        num_classes: int,
        num_parts: int,
        *,
        propagation: tuple[int, int],
        hidden: tuple[int, int],
        dropout: float,
    ) -> None:
        """`propagation` and `hidden`: widths of the two layers that propagate features, and of the
        two after them.
        """
        super().__init__()
        self.num_classes = num_classes
        self.label = nn.Linear(num_classes, LABEL_WIDTH, bias=False)
        self.label_norm = nn.BatchNorm1d(LABEL_WIDTH)
        self.propagate = nn.Linear(3 + width, propagation[0], bias=False)
        self.propagated = nn.Sequential(
            nn.BatchNorm1d(propagation[0]),
            nn.ReLU(),
            nn.Linear(*propagation, bias=False),
            nn.BatchNorm1d(propagation[1]),
            nn.ReLU(),
        )
        self.mix = nn.Linear(propagation[1] + 2 * width + LABEL_WIDTH, hidden[0], bias=False)
        self.mixed = nn.Sequential(
            nn.BatchNorm1d(hidden[0]),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(*hidden, bias=False),
            nn.BatchNorm1d(hidden[1]),
            nn.ReLU(),
            nn.Linear(hidden[1], num_parts),
        )

    def forward(
        self,
        layers: Sequence[Tensor],
        centers_BC3: Tensor,
        points_BN3: Tensor,
        labels_B: Tensor,
    ) -> Tensor:
        """logits_BNP of the points, given `layers` of tokens (B, C, D) and the clouds' categories.

        The points may be any, not only those that the tokens were made of.
        """
        tokens_BCD = torch.stack(
            [F.layer_norm(layer_BCD, layer_BCD.shape[-1:]) for layer_BCD in layers]
        ).mean(0)
        local_MW = self.propagated(self._interpolated(tokens_BCD, centers_BC3, points_BN3))
        inner = local_MW.shape[1]
        for_local, for_whole = self.mix.weight[:, :inner], self.mix.weight[:, inner:]
        whole_B1W = F.linear(self._whole(tokens_BCD, labels_B), for_whole)[:, None]
        mixed_BNW = F.linear(local_MW, for_local).view(*points_BN3.shape[:2], -1) + whole_B1W
        return cast(Tensor, self.mixed(mixed_BNW.flatten(0, 1)).view(*points_BN3.shape[:2], -1))

    def _interpolated(self, tokens_BCD: Tensor, centers_BC3: Tensor, points_BN3: Tensor) -> Tensor:
        """The first linear layer of (point, tokens interpolated at it): (M, W)."""
        for_point, for_token = self.propagate.weight[:, :3], self.propagate.weight[:, 3:]
        features_BCW = F.linear(tokens_BCD, for_token)
        weights_BNC = interpolation(points_BN3, centers_BC3).to(features_BCW.dtype)
        there_BNW = F.linear(points_BN3, for_point) + weights_BNC @ features_BCW
        return there_BNW.flatten(0, 1)

    def _whole(self, tokens_BCD: Tensor, labels_B: Tensor) -> Tensor:
        """What is known of each cloud: (B, G)."""
        label_BL = F.one_hot(labels_B, self.num_classes).to(tokens_BCD.dtype)
        embedded_BG = F.leaky_relu(self.label_norm(self.label(label_BL)), SLOPE)
        return torch.cat([pool(tokens_BCD), embedded_BG], dim=-1)
