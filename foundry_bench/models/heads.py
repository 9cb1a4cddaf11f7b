"""What turns tokens into an answer. B clouds, C tokens, D width."""

from typing import Literal, cast

import torch
from torch import Tensor, nn

HeadForm = Literal["linear", "mlp", "mlp3"]
HIDDEN = 256
"""Width of a hidden layer."""


def pool(tokens_BCD: Tensor) -> Tensor:
    """A feature (B, 2D) a cloud: maximum and mean over its tokens, as in the teacher's code."""
    return torch.cat([tokens_BCD.amax(1), tokens_BCD.mean(1)], dim=-1)


class ClassificationHead(nn.Module):
    """Pooled tokens -> logits, by layers with batch norm, ReLU and dropout between them.

    `mlp3` is the head of the teacher's code and of Point-MAE's, `mlp` has one layer less.
    """

    def __init__(
        self,
        width: int,
        num_classes: int,
        *,
        form: HeadForm = "mlp",
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        num_hidden = {"linear": 0, "mlp": 1, "mlp3": 2}[form]
        layers: list[nn.Module] = []
        inputs = 2 * width
        for _ in range(num_hidden):
            layers += [
                nn.Linear(inputs, HIDDEN, bias=False),
                nn.BatchNorm1d(HIDDEN),
                nn.ReLU(),
                nn.Dropout(dropout),
            ]
            inputs = HIDDEN
        self.layers = nn.Sequential(*layers, nn.Linear(inputs, num_classes))

    def forward(self, tokens_BCD: Tensor) -> Tensor:
        """Logits (B, classes)."""
        return cast(Tensor, self.layers(pool(tokens_BCD)))
