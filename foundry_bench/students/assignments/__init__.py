"""Who goes to which SuperToken: one small file an assignment, since the paper compares several.

B clouds, C tokens, S SuperTokens, D width.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor, nn

from foundry_bench.config.settings import NamedSettings


class Assignment(nn.Module, ABC):
    """Assigns each token to a SuperToken; `__init__(settings, width, supertokens)`.

    Attributes:
        Settings: of the class; `student.assignment` in a sweep file is checked by them.
        supertokens: how many there are.
        version: to be raised when the code changes what the assignment computes, as a student's.
    """

    Settings: ClassVar[type[NamedSettings]] = NamedSettings
    version: ClassVar[int] = 1

    def __init__(self, settings: NamedSettings, width: int, supertokens: int) -> None:
        super().__init__()
        self.supertokens = supertokens

    @abstractmethod
    def forward(self, tokens_BCD: Tensor, positions_BCD: Tensor, centers_BC3: Tensor) -> Tensor:
        """`assign_BCS`: rows sum to 1. Noise, if any, in training only and from torch's global
        generator.
        """

    def values(self, tokens_BCD: Tensor) -> Tensor:
        """What is averaged into a SuperToken: the tokens themselves, unless the assignment projects
        them.
        """
        return tokens_BCD

    def anneal(self, progress: float) -> None:
        """Called before each step of distillation with the share of it done, 0 to 1."""
