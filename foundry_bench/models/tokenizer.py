"""The mini-PointNet that turns a patch into a token.

B clouds, C patches, P patches of all clouds, K points a patch, F features, D width.
"""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CHUNK_POINTS = 16_384
"""Points whose features a CPU holds at a time where nothing trains, so that they stay in its cache.
"""


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
        if self._works_in_chunks(points_PK3):
            chunks = points_PK3.split(max(1, CHUNK_POINTS // patch_size))
            token_PD = torch.cat([self._tokens(chunk_PK3) for chunk_PK3 in chunks])
        else:
            token_PD = self._tokens(points_PK3)
        return token_PD.view(num_clouds, num_patches, -1)

    def _works_in_chunks(self, points_PK3: Tensor) -> bool:
        """Only where no patch depends on another one, and nothing is kept for a gradient."""
        return (
            points_PK3.device.type == "cpu"
            and not torch.compiler.is_compiling()  # a graph takes any number of clouds
            and points_PK3.shape[:2].numel() > CHUNK_POINTS
            and not self.training
            and not (torch.is_grad_enabled() and self.lift.weight.requires_grad)
        )

    def _tokens(self, points_PK3: Tensor) -> Tensor:
        local_PKF = self.pool(_normed_relu(self.lift(points_PK3), self.lift_norm))
        whole_PF = _largest(local_PKF)
        pooled = whole_PF.shape[-1]
        for_whole, for_local = self.mix.weight[:, :pooled], self.mix.weight[:, pooled:]
        mixed_PKF = F.linear(local_PKF, for_local)
        mixed_PKF = mixed_PKF + F.linear(whole_PF, for_whole, self.mix.bias).unsqueeze(1)
        out_PKF = self.out(_normed_relu(mixed_PKF, self.mix_norm))
        return cast(Tensor, self.reduce(_largest(out_PKF)))


def _largest(features_PKF: Tensor) -> Tensor:
    """The maximum (P, F) over the points. Whose it is, a CPU takes many times as long to say, and
    only a gradient asks.
    """
    if torch.is_grad_enabled() and features_PKF.requires_grad:
        return features_PKF.max(1).values
    return features_PKF.amax(1)


def _normed_relu(features_PKF: Tensor, norm: nn.BatchNorm1d) -> Tensor:
    return torch.relu_(norm(features_PKF.flatten(0, 1))).view_as(features_PKF)
