"""What every student is: a backbone that compresses before it encodes.

B clouds, C tokens, S SuperTokens, D width.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from pydantic import PositiveInt
from torch import Tensor

from foundry_bench.config.settings import NamedSettings
from foundry_bench.models.backbone import Backbone, Embedding
from foundry_bench.teachers.teacher import Teacher


class StudentSettings(NamedSettings):
    """Settings that every student has; a student's own `Settings` extend them."""

    supertokens: PositiveInt = 16
    """SuperTokens that the teacher's tokens are compressed into (s in the paper)."""

    def check(self, num_patches: int) -> None:
        """Raise ValueError, naming the field, if no teacher of `num_patches` tokens can have such a
        student.
        """
        if self.supertokens > num_patches:
            raise ValueError(
                f"supertokens: {self.supertokens} is more than the teacher's {num_patches} tokens"
            )


@dataclass(frozen=True)
class Compressed:
    """What enters the encoder, and how it got there.

    Attributes:
        assign_BCS: the share of each token in each SuperToken; one-hot rows if the assignment is
            hard.
        super_BSD: the SuperTokens.
        positions_BSD: their positions.
        mask_BS: True where a SuperToken has at least one token, or None if all take part.
    """

    assign_BCS: Tensor
    super_BSD: Tensor
    positions_BSD: Tensor
    mask_BS: Tensor | None

    def supertokens_in_use_B(self) -> Tensor:
        """How many SuperTokens have at least one token, per cloud."""
        return (self.assign_BCS.sum(1) > 0).sum(1)


class Student(Backbone):
    """A backbone made from a teacher's parts; `__init__(teacher, settings)` copies what it keeps of
    the teacher.

    Attributes:
        Settings: the settings of the class; `student:` in a sweep file is checked by them.
        version: to be raised when the code changes what the student computes: it is part of the
            keys of stored stages, so that old numbers are not taken for new ones.
    """

    Settings: ClassVar[type[StudentSettings]] = StudentSettings
    version: ClassVar[int] = 1

    @abstractmethod
    def __init__(self, teacher: Teacher, settings: StudentSettings) -> None:
        super().__init__()

    @classmethod
    def versions(cls, settings: NamedSettings) -> dict[str, int]:
        """The versions of all code that `settings` choose."""
        return {"student": cls.version}

    @abstractmethod
    def compress(self, embedding: Embedding) -> Compressed:
        """Tokens -> SuperTokens."""

    def anneal(self, progress: float) -> None:
        """Called before each step of distillation with the share of it done, 0 to 1."""
