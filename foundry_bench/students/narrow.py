"""The classical student: fewer and narrower blocks, all tokens.

B clouds, C tokens, S places (here C), D width of the teacher, W width of the student.
"""

import copy
from collections.abc import Sequence
from typing import ClassVar, Self

import torch
from pydantic import PositiveInt, model_validator
from torch import Tensor, nn

from foundry_bench.models.backbone import Embedding, Inputs
from foundry_bench.models.transformer import Encoder, initialize
from foundry_bench.students.student import Compressed, Student, StudentSettings
from foundry_bench.teachers.teacher import Teacher


class NarrowSettings(StudentSettings):
    """The size of its encoder."""

    name: str = "narrow"
    width: PositiveInt = 48
    depth: PositiveInt = 4
    heads: PositiveInt = 3

    @model_validator(mode="after")
    def _heads_fit(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"heads: {self.heads} does not divide the width {self.width}")
        return self


class Narrow(Student):
    """The teacher's tokenizer and positions, projected; a smaller ViT from random weights; a
    projection back to the teacher's width.
    """

    Settings: ClassVar[type[NarrowSettings]] = NarrowSettings

    def __init__(self, teacher: Teacher, settings: NarrowSettings) -> None:
        super().__init__(teacher, settings)
        self.tokenizer = copy.deepcopy(teacher.tokenizer)
        self.positions = copy.deepcopy(teacher.positions)
        self.token_entry = nn.Linear(self.width, settings.width)
        self.position_entry = nn.Linear(self.width, settings.width)
        self.encoder = Encoder(settings.width, settings.depth, settings.heads)
        initialize(self.encoder)
        self.exit = nn.Linear(settings.width, self.width)

    def compress(self, embedding: Embedding) -> Compressed:
        """Nothing is compressed: each token has a place of its own."""
        tokens_BCD = embedding.tokens_BCD
        B, C, _ = tokens_BCD.shape
        assign_BCS = torch.eye(C, device=tokens_BCD.device).expand(B, -1, -1)
        return Compressed(assign_BCS, tokens_BCD, self.positions(embedding.centers_BC3), None)

    def tokens(self, inputs: Inputs) -> Tensor:
        """The reconstruction (B, C, D) of the teacher's final tokens."""
        return self.layers(inputs, (-1,))[0]

    def layers(self, inputs: Inputs, indices: Sequence[int]) -> list[Tensor]:
        """Tokens after blocks of its own, through the last LayerNorm and the projection to D: the
        last of them are the final tokens.
        """
        embedding = self.embedding(inputs)
        hidden = self.encoder.hidden(
            self.token_entry(embedding.tokens_BCD),
            self.position_entry(self.positions(embedding.centers_BC3)),
            indices=indices,
        )
        return [self.exit(self.encoder.norm(layer_BCW)) for layer_BCW in hidden]
