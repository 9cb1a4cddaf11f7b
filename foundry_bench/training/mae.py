"""Masked autoencoding of patches (Point-MAE, arXiv 2203.06604), the second pre-training objective.

Most patches are hidden; the encoder sees the others; a light decoder gives back the hidden patches'
points under the Chamfer distance. B clouds, C patches, V visible, M masked, K points a patch, D
width.
"""

from typing import Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from foundry_bench.config.settings import Settings
from foundry_bench.geometry.patches import Patches
from foundry_bench.models.transformer import POSITION_HIDDEN, Encoder, initialize, position_mlp
from foundry_bench.teachers.teacher import Teacher


class MaeSettings(Settings):
    """Point-MAE, random masking."""

    name: Literal["mae"] = "mae"
    mask_share: float = Field(0.6, gt=0, lt=1)
    decoder_depth: PositiveInt = 4
    decoder_heads: PositiveInt = 6


class Mae(nn.Module):
    """The teacher being trained and the decoder."""

    def __init__(self, teacher: Teacher, settings: MaeSettings) -> None:
        super().__init__()
        self.teacher = teacher
        num_patches, width = teacher.patch_spec.patches, teacher.width
        self.num_masked = min(num_patches - 1, max(1, round(num_patches * settings.mask_share)))
        self.mask_token = nn.Parameter(torch.zeros(width))
        nn.init.trunc_normal_(self.mask_token, std=0.02)
        self.positions = position_mlp(POSITION_HIDDEN, width)
        self.decoder = Encoder(width, settings.decoder_depth, settings.decoder_heads)
        self.points = nn.Linear(width, 3 * teacher.patch_spec.patch_size)
        for part in (self.decoder, self.points):
            initialize(part)

    def forward(self, patches: Patches) -> Tensor:
        """The loss; masks are drawn a cloud from torch's global generator."""
        embedding = self.teacher.embed(patches)
        order_BC = torch.rand(
            embedding.centers_BC3.shape[:2], device=embedding.centers_BC3.device
        ).argsort(1)
        masked_BM, visible_BV = order_BC.split(
            [self.num_masked, order_BC.shape[1] - self.num_masked], dim=1
        )
        centers_BV3, centers_BM3 = (
            _pick(embedding.centers_BC3, rows) for rows in (visible_BV, masked_BM)
        )
        seen_BVD = self.teacher.encoder(
            _pick(embedding.tokens_BCD, visible_BV), self.teacher.positions(centers_BV3)
        )
        queries_BMD = self.mask_token.expand(*masked_BM.shape, -1).to(seen_BVD.dtype)
        decoded_BCD = self.decoder(
            torch.cat([seen_BVD, queries_BMD], 1),
            self.positions(torch.cat([centers_BV3, centers_BM3], 1)),
        )
        drawn_BMK3 = self.points(decoded_BCD[:, -self.num_masked :]).unflatten(-1, (-1, 3))
        wanted_BMK3 = _pick(patches.neighbors_BCK3.flatten(2), masked_BM).unflatten(-1, (-1, 3))
        return chamfer(drawn_BMK3.float().flatten(0, 1), wanted_BMK3.flatten(0, 1))

    def update_target(self, progress: float) -> None:
        """Nothing: there is no target encoder."""


def chamfer(first_BK3: Tensor, second_BL3: Tensor) -> Tensor:
    """Mean squared distance to the nearest point, both ways added (Chamfer-L2 of Point-MAE)."""
    difference = first_BK3[:, :, None] - second_BL3[:, None]
    square_BKL = difference.square().sum(-1)
    return square_BKL.amin(2).mean() + square_BKL.amin(1).mean()


def _pick(values_BCX: Tensor, rows_BM: Tensor) -> Tensor:
    return values_BCX.gather(1, rows_BM[..., None].expand(-1, -1, values_BCX.shape[-1]))
