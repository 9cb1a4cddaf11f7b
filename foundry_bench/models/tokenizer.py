"""The mini-PointNet that turns a patch into a token. B clouds, C patches, K points a patch, D
width.
"""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PatchTokenizer(nn.Module):
    """Patch -> token: shared MLP, max, concatenation with every point, shared MLP, max.

    The layout of Point-JEPA's `PointNetSmall` (3 -> 128 -> BN -> ReLU -> 256, max, 512 -> 512 -> BN
    -> ReLU -> 384, max), other widths allowed. The concatenation of the maximum is never built: the
    second layer's weight is split into the part for the maximum and the part for the point.
    """

    def __init__(
        self,
        widths: tuple[int, int, int],
        width: int,
        *,
        bias: bool = False,
        pooled_width: int | None = None,
    ) -> None:
        """`widths`: of the two layers before the first maximum and of the one after it; `width`: of
        a token; `bias`: of the layers before a batch norm; `pooled_width`: of what the last maximum
        is taken over, if a last linear layer makes the token of it (Point-BERT's `reduce_dim`).
        """
        super().__init__()
        first, pooled, hidden = widths
        self.lift = nn.Linear(3, first, bias=bias)
        self.lift_norm = nn.BatchNorm1d(first)
        self.pool = nn.Linear(first, pooled)
        self.mix = nn.Linear(2 * pooled, hidden, bias=bias)
        self.mix_norm = nn.BatchNorm1d(hidden)
        self.out = nn.Linear(hidden, pooled_width or width)
        self.reduce = nn.Linear(pooled_width, width) if pooled_width else nn.Identity()

    def forward(self, neighbors_BCK3: Tensor) -> Tensor:
        """Tokens (B, C, D) of patches (B, C, K, 3), each relative to its centre."""
        num_clouds, num_patches, patch_size, _ = neighbors_BCK3.shape
        points_PK3 = neighbors_BCK3.reshape(num_clouds * num_patches, patch_size, 3)
        local = self.pool(_normed_relu(self.lift(points_PK3), self.lift_norm))
        whole = local.max(1).values
        pooled = whole.shape[-1]
        for_whole, for_local = self.mix.weight[:, :pooled], self.mix.weight[:, pooled:]
        mixed = F.linear(local, for_local) + F.linear(whole, for_whole, self.mix.bias).unsqueeze(1)
        token = self.reduce(self.out(_normed_relu(mixed, self.mix_norm)).max(1).values)
        return cast(Tensor, token.view(num_clouds, num_patches, -1))


def _normed_relu(features_PKF: Tensor, norm: nn.BatchNorm1d) -> Tensor:
    return torch.relu_(norm(features_PKF.flatten(0, 1))).view_as(features_PKF)
