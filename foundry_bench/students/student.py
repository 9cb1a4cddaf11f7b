"""What every student is: a backbone that compresses before it encodes.

B clouds, C tokens, S places in the encoder's input (SuperTokens first), D width.
"""

import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
import torch.nn.functional as F
from pydantic import PositiveInt
from torch import Tensor

from foundry_bench.config.settings import NamedSettings, TrainSettings, later
from foundry_bench.models.backbone import Backbone, Embedding, Inputs
from foundry_bench.teachers.teacher import Teacher


class StudentSettings(NamedSettings):
    """The base of every student's `Settings`.

    Attributes:
        of_evaluation: fields that matter only once the student is distilled; one distillation
            serves all their values.
    """

    of_evaluation: ClassVar[frozenset[str]] = frozenset()

    drop_path: float = later(0.0, ge=0, lt=1)
    """Stochastic depth at the encoder's last block while the student is distilled, whatever the
    teacher was pre-trained with; it grows linearly from 0 at the first.
    """

    def check(self, patches: int, depth: int) -> None:
        """Raise ValueError, opening with the field, if a teacher of that many tokens and blocks
        cannot have such a student.
        """

    def check_training(self, train: TrainSettings) -> None:
        """Raise ValueError, opening with the field, if the student cannot be trained so."""

    @property
    def own_tokenizer(self) -> bool:
        """Whether the student takes patches, and not the tokens of the teacher's tokenizer."""
        return False

    def for_distillation(self) -> Self:
        """The same student with `of_evaluation` at their defaults."""
        defaults = {name: type(self).model_fields[name].default for name in self.of_evaluation}
        return self.model_copy(update=defaults)


class SupertokenSettings(StudentSettings):
    """Settings of a student with SuperTokens."""

    supertokens: PositiveInt = 16
    """SuperTokens that the teacher's tokens are compressed into (s in the paper)."""

    def check(self, patches: int, depth: int) -> None:
        """There are no more SuperTokens than tokens."""
        if self.supertokens > patches:
            raise ValueError(
                f"supertokens: {self.supertokens} is more than the teacher's {patches} tokens"
            )


@dataclass(frozen=True)
class Compressed:
    """What enters the encoder, and how it got there.

    Attributes:
        assign_BCS: the share of each token in each place; one-hot rows if the assignment is hard.
        super_BSD: what stands there.
        positions_BSD: their positions.
        mask_BS: True where a place is taken, or None if all take part.
    """

    assign_BCS: Tensor
    super_BSD: Tensor
    positions_BSD: Tensor
    mask_BS: Tensor | None

    @property
    def num_supertokens(self) -> int:
        """Places for SuperTokens."""
        return self.assign_BCS.shape[2]

    def supertoken_BC(self) -> Tensor:
        """The SuperToken that has the largest share of each token; -1 for a token that has a place
        of its own.
        """
        return self.assign_BCS.argmax(-1)

    def gate_BC(self) -> Tensor | None:
        """The probability that a token is merged; None where no gate decides."""
        return None

    def entered_B(self) -> Tensor:
        """Tokens that a block of the encoder works on, mean over its blocks, per cloud."""
        return self.super_BSD.new_full((len(self.super_BSD),), self.super_BSD.shape[1])

    def activity(self) -> dict[str, Tensor]:
        """What compression did to each cloud, by the metric's name.

        `encoder_tokens`: see `entered_B`; an empty SuperToken has a place too, and costs as much.
        `supertokens_in_use`: those with at least one token. `assignment_entropy`: of the share of
        tokens that each has, in bits; log2 S if all have equally many.
        """
        has_BCS = F.one_hot(self.supertoken_BC() + 1, self.num_supertokens + 1)[..., 1:]
        count_BS = has_BCS.sum(1)
        share_BS = count_BS / count_BS.sum(1, keepdim=True).clamp_min(1)
        return {
            "encoder_tokens": self.entered_B().double(),
            "supertokens_in_use": (count_BS > 0).sum(1).double(),
            "assignment_entropy": torch.special.entr(share_BS.double()).sum(1) / math.log(2),
        }


@dataclass(frozen=True)
class Reconstruction:
    """One pass of a student in distillation.

    Attributes:
        tokens_BCD: what it takes the teacher's tokens to be.
        embedding: the tokens that it compressed.
        compressed: what it made of them; None if nothing asks for it.
    """

    tokens_BCD: Tensor
    embedding: Embedding
    compressed: Compressed | None = None


@dataclass(frozen=True)
class Lesson:
    """What the teacher has to say of a batch beside its final tokens.

    Attributes:
        errors_BC: computes the squared error of each reconstructed token, without gradient.
        embedding_BCD: the teacher's tokens before its encoder; None if they are not at hand.
    """

    errors_BC: Callable[[], Tensor]
    embedding_BCD: Tensor | None = None


class Student(Backbone):
    """A backbone made from a teacher's parts; `__init__(teacher, settings)` copies what it keeps of
    the teacher, beside the geometry and the width.

    Attributes:
        Settings: the settings of the class; `student:` in a sweep file is checked by them.
        version: to be raised when the code changes what the student computes: it is part of the
            keys of stored stages, so that old numbers are not taken for new ones.
        drop_path: of the settings; distillation applies it, fine-tuning has a rate of its own.
    """

    Settings: ClassVar[type[StudentSettings]] = StudentSettings
    version: ClassVar[int] = 1
    drop_path: float = 0.0

    @abstractmethod
    def __init__(self, teacher: Teacher, settings: StudentSettings) -> None:
        super().__init__()
        self.patch_spec, self.width = teacher.patch_spec, teacher.width
        self.drop_path = settings.drop_path

    @classmethod
    def versions(cls, settings: NamedSettings) -> dict[str, int]:
        """The versions of all code that `settings` choose."""
        return {"student": cls.version}

    @abstractmethod
    def compress(self, embedding: Embedding) -> Compressed:
        """Tokens -> SuperTokens."""

    def reconstruct(self, inputs: Inputs) -> Reconstruction:
        """`tokens`, and what `penalty` needs to know of how they came about."""
        embedding = self.embedding(inputs)
        return Reconstruction(self.tokens(embedding), embedding)

    def penalty(self, made: Reconstruction, lesson: Lesson) -> Tensor | None:
        """What distillation adds to the loss between tokens, if anything."""
        return None

    def settle(self, teacher: Teacher) -> None:
        """Called once the student's weights are in place, before any task uses it."""

    def anneal(self, progress: float) -> None:
        """Called before each step of distillation with the share of it done, 0 to 1."""
