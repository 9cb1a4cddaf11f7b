"""PCP-MAE (arXiv 2408.08753); layout as in its official `models/PCP_MAE.py` and `models/pos.py`.

B clouds, C patches, D width.
"""

from typing import Self

import torch
from pydantic import PositiveInt, model_validator
from torch import Tensor, nn

from foundry_bench.teachers.layouts import PCP_MAE
from foundry_bench.teachers.point_mae import PointMae
from foundry_bench.teachers.teacher import ViTSettings

AXES = 6
"""A sine and a cosine of each coordinate."""


class PcpMaeSettings(ViTSettings):
    """A ViT whose positions begin with sines and cosines."""

    position_hidden: PositiveInt = 384

    @model_validator(mode="after")
    def _sines_fit(self) -> Self:
        if self.width % AXES:
            raise ValueError(f"width: must be a multiple of {AXES}, not {self.width}")
        return self


class SinePositions(nn.Module):
    """Centres (B, C, 3) -> sines and cosines (B, C, D): each coordinate at D/6 frequencies, that
    fall from 1 towards 1/10000.
    """

    frequencies_F: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        num = width // AXES
        frequencies_F = 10000.0 ** -(torch.arange(num) / num)
        self.register_buffer("frequencies_F", frequencies_F, persistent=False)

    def forward(self, centers_BC3: Tensor) -> Tensor:
        """Sines then cosines of x, then of y, then of z."""
        angles_BC3F = centers_BC3.unsqueeze(-1) * self.frequencies_F
        return torch.stack([angles_BC3F.sin(), angles_BC3F.cos()], dim=-2).flatten(-3)


class PcpMae(PointMae):
    """The encoder of PCP-MAE: Point-MAE's, with an MLP over sines and cosines of the centres."""

    Settings = PcpMaeSettings
    layout = PCP_MAE

    def make_positions(self, settings: ViTSettings) -> nn.Sequential:
        """Sines and cosines, then D -> hidden -> GELU -> D."""
        width, hidden = settings.width, settings.position_hidden
        return nn.Sequential(
            SinePositions(width), nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width)
        )
