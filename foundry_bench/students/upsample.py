"""Cross-attention upsampling (CAU): the encoded SuperTokens go back to where they came from.

B clouds, C tokens, S SuperTokens, D width.
"""

from typing import cast

from torch import Tensor, nn


class Upsample(nn.Module):
    """Ŷ = MLP(T + A · S_out): the same assignment that compressed routes back."""

    def __init__(self, width: int, *, residual: bool, position: bool, mlp_ratio: float) -> None:
        """`residual`: T is in the sum; `position`: so is the tokens' position."""
        super().__init__()
        self.residual = residual
        self.position = position
        hidden = int(width * mlp_ratio)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(
        self, assign_BCS: Tensor, super_BSD: Tensor, tokens_BCD: Tensor, positions_BCD: Tensor
    ) -> Tensor:
        """The reconstructed tokens (B, C, D)."""
        routed_BCD = assign_BCS.to(super_BSD.dtype) @ super_BSD
        if self.residual:
            routed_BCD = routed_BCD + tokens_BCD
        if self.position:
            routed_BCD = routed_BCD + positions_BCD
        return cast(Tensor, self.mlp(routed_BCD))
