"""A cheaper tokenizer than the teacher's mini-PointNet. B clouds, C patches, K points, D width.

With few SuperTokens nearly all that a student still costs is its tokenizer: the floor of every
student that keeps the teacher's.
"""

from typing import ClassVar, cast

import torch
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor, nn

from foundry_bench.config.settings import Pair, Settings


class LightSettings(Settings):
    """Narrower layers, and one look at the patch instead of two."""

    points: PositiveInt = 32
    """Most points of a patch that are looked at, the nearest to its centre first."""
    widths: Pair[PositiveInt] = (32, 64)
    """Of the two layers that see every point."""
    match: float = Field(1.0, ge=0)
    """Weight, in distillation, of giving back the tokens of the teacher's tokenizer too."""
    lr_scale: PositiveFloat = 5.0
    """Learning rate over that of the rest, which starts from the teacher's weights, not at random.
    """


class LightTokenizer(nn.Module):
    """Patch -> token: a shared MLP, maximum and mean over the points, an MLP on those.

    Attributes:
        version: as a student's.
    """

    version: ClassVar[int] = 1

    def __init__(self, settings: LightSettings, width: int) -> None:
        super().__init__()
        first, second = settings.widths
        self.points = settings.points
        self.lift = nn.Linear(3, first, bias=False)
        self.lift_norm = nn.BatchNorm1d(first)
        self.mix = nn.Linear(first, second)
        self.out = nn.Sequential(nn.Linear(2 * second, width), nn.GELU(), nn.Linear(width, width))
        for parameter in self.parameters():
            parameter.lr_scale = settings.lr_scale  # type: ignore[attr-defined]

    def forward(self, neighbors_BCK3: Tensor) -> Tensor:
        """Tokens (B, C, D) of patches (B, C, K, 3), each relative to its centre."""
        near_BCK3 = neighbors_BCK3[:, :, : self.points]
        lifted = self.lift_norm(self.lift(near_BCK3.flatten(0, 2))).relu()
        mixed_BCKF = self.mix(lifted).relu().view(*near_BCK3.shape[:3], -1)
        pooled_BCF = torch.cat([mixed_BCKF.amax(2), mixed_BCKF.mean(2)], dim=-1)
        return cast(Tensor, self.out(pooled_BCF))
