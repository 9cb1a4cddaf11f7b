"""What turns tokens into an answer. B clouds, C tokens, D width."""

from typing import cast

import torch
from torch import Tensor, nn


def pool(tokens_BCD: Tensor) -> Tensor:
    """A feature (B, 2D) a cloud: maximum and mean over its tokens, as in the teacher's code."""
    return torch.cat([tokens_BCD.amax(1), tokens_BCD.mean(1)], dim=-1)


class ClassificationHead(nn.Module):
    """Pooled tokens -> logits through an MLP with batch norm, ReLU and dropout."""

    def __init__(
        self, width: int, num_classes: int, *, hidden: int = 256, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2 * width, hidden, bias=False),
            nn.BatchNorm1d(hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, num_classes),
        )

    def forward(self, tokens_BCD: Tensor) -> Tensor:
        """Logits (B, classes)."""
        return cast(Tensor, self.layers(pool(tokens_BCD)))
