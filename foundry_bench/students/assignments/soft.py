"""Plain cross-attention: each token is shared among all SuperTokens. B clouds, C tokens, S
SuperTokens.
"""

from typing import ClassVar, Literal

from torch import Tensor

from foundry_bench.students.assignments.dso import DsoPos, DsoSettings


class SoftSettings(DsoSettings):
    """As of DSO, but for the noise, which there is none of."""

    noise: Literal["never"] = "never"


class Soft(DsoPos):
    """The softmax of q · k / √d, with positions in the keys as in `dso_pos`, instead of its hard
    choice.
    """

    Settings: ClassVar[type[SoftSettings]] = SoftSettings

    def forward(self, tokens_BCD: Tensor, positions_BCD: Tensor, centers_BC3: Tensor) -> Tensor:
        """`assign_BCS` with positive entries."""
        logits_BCS = self._logits(self.keys(tokens_BCD, positions_BCD))
        return (logits_BCS / self.temperature).softmax(-1)
