"""Students that compress inside the encoder: all tokens enter it, few leave.

B clouds, C tokens, S SuperTokens, D width.
"""

import copy
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from foundry_bench.models.backbone import Embedding, Inputs
from foundry_bench.students.student import Compressed, Student, SupertokenSettings
from foundry_bench.students.upsample import Upsample
from foundry_bench.teachers.teacher import Teacher


class MergingSettings(SupertokenSettings):
    """`supertokens` are the tokens that are left at the end of the encoder."""

    upsample: Literal["cau", "copy"] = "cau"
    """`cau`: as in `foundry`, an MLP on what is routed back, the token and its position; `copy`:
    what is routed back and nothing else, as merging is published, which needs no distillation.
    """


@dataclass(frozen=True)
class Merged(Compressed):
    """What the encoder makes of a cloud.

    Attributes:
        super_BSD: the tokens that are left, after the encoder's last LayerNorm.
        positions_BSD: their merged positions.
        mean_entered: tokens that a block gets, mean over the blocks.
    """

    mean_entered: float

    def entered_B(self) -> Tensor:
        """The same for each cloud."""
        return self.super_BSD.new_full((len(self.super_BSD),), self.mean_entered)


@dataclass(frozen=True)
class Walk:
    """One pass through the blocks.

    Attributes:
        merged: what came out at the end.
        layers: tokens (B, C, D) after the blocks asked for, routed back by the partition there.
    """

    merged: Merged
    layers: list[Tensor]


class Merging(Student):
    """Encoder, tokenizer and positions are the teacher's; how tokens merge is the subclass's."""

    Settings: ClassVar[type[MergingSettings]] = MergingSettings

    def __init__(self, teacher: Teacher, settings: MergingSettings) -> None:
        super().__init__(teacher, settings)
        settings.check(teacher.patch_spec.patches, len(teacher.encoder.blocks))
        self.tokenizer = copy.deepcopy(teacher.tokenizer)
        self.positions = copy.deepcopy(teacher.positions)
        self.encoder = copy.deepcopy(teacher.encoder)
        self.upsample = (
            Upsample(self.width, residual=True, position=True, mlp_ratio=1.0)
            if settings.upsample == "cau"
            else None
        )

    def compress(self, embedding: Embedding) -> Merged:
        """The encoder's whole work, since compression is a part of it."""
        return self.walk(embedding.tokens_BCD, self.positions(embedding.centers_BC3)).merged

    def tokens(self, inputs: Inputs) -> Tensor:
        """The reconstruction (B, C, D) of the teacher's final tokens."""
        embedding = self.embedding(inputs)
        positions_BCD = self.positions(embedding.centers_BC3)
        merged = self.walk(embedding.tokens_BCD, positions_BCD).merged
        if self.upsample is None:
            return merged.assign_BCS.to(merged.super_BSD.dtype) @ merged.super_BSD
        tokens_BCD: Tensor = self.upsample(
            merged.assign_BCS, merged.super_BSD, embedding.tokens_BCD, positions_BCD
        )
        return tokens_BCD

    def layers(self, inputs: Inputs, indices: Sequence[int]) -> list[Tensor]:
        """Tokens after the blocks `indices`, before the last LayerNorm, routed back."""
        embedding = self.embedding(inputs)
        positions_BCD = self.positions(embedding.centers_BC3)
        return self.walk(embedding.tokens_BCD, positions_BCD, indices).layers

    @abstractmethod
    def walk(self, tokens_BCD: Tensor, positions_BCD: Tensor, indices: Sequence[int] = ()) -> Walk:
        """Through all blocks, merging on the way."""
