"""The paper's student: compress to SuperTokens, encode those alone, upsample.

B clouds, C tokens, S SuperTokens, D width.
"""

import copy
from collections.abc import Sequence
from typing import ClassVar, Literal

import torch.nn.functional as F
from pydantic import PositiveFloat
from torch import Tensor

from foundry_bench.config.registered import AssignmentField
from foundry_bench.config.settings import NamedSettings
from foundry_bench.models.backbone import Embedding, Inputs
from foundry_bench.registries import ASSIGNMENTS
from foundry_bench.students.assignments.dso import DsoSettings
from foundry_bench.students.light import LightSettings, LightTokenizer
from foundry_bench.students.student import (
    Compressed,
    Lesson,
    Reconstruction,
    Student,
    SupertokenSettings,
)
from foundry_bench.students.upsample import Upsample
from foundry_bench.teachers.teacher import Teacher


class FoundrySettings(SupertokenSettings):
    """Every point that the paper leaves open, with the default that small runs favour."""

    name: str = "foundry"
    assignment: AssignmentField = DsoSettings(name="dso_pos")
    residual: bool = True
    """Upsampling adds the tokens T as they were before compression; without it all passes the
    bottleneck.
    """
    upsample_position: bool = True
    """Upsampling adds the tokens' positions too: the largest single effect on the loss in small
    runs.
    """
    upsample_mlp_ratio: PositiveFloat = 1.0
    """Hidden width of the upsampling MLP over the token's width; 1 fits the paper's cost figures.
    """
    empty: Literal["masked", "zero"] = "masked"
    """A SuperToken without tokens: kept out of attention, or a zero vector in it."""
    positions: Literal["mean", "none"] = "mean"
    """Position of a SuperToken, added before every block: the mean of its tokens' positions, or
    none.
    """
    tokenizer: LightSettings | None = None
    """A cheaper tokenizer of its own, distilled with the rest; null: the teacher's."""

    @property
    def own_tokenizer(self) -> bool:
        """Whether there is a `tokenizer`."""
        return self.tokenizer is not None


class FoundryPaperSettings(FoundrySettings):
    """The student as the paper is read: no positions in assignment or upsampling."""

    name: str = "foundry_paper"
    assignment: AssignmentField = DsoSettings(name="dso")
    upsample_position: bool = False
    """Upsampling adds the tokens' positions too; the paper's Ŷ = MLP(T + A·S_out) does not."""


class Foundry(Student):
    """Encoder, tokenizer and positions start as the teacher's."""

    Settings: ClassVar[type[FoundrySettings]] = FoundrySettings

    def __init__(self, teacher: Teacher, settings: FoundrySettings) -> None:
        super().__init__(teacher, settings)
        settings.check(teacher.patch_spec.patches, len(teacher.encoder.blocks))
        self.settings = settings
        self.tokenizer = (
            copy.deepcopy(teacher.tokenizer)
            if settings.tokenizer is None
            else LightTokenizer(settings.tokenizer, self.width)
        )
        self.positions = copy.deepcopy(teacher.positions)
        self.encoder = copy.deepcopy(teacher.encoder)
        assignment = ASSIGNMENTS.get(settings.assignment.name)
        self.assignment = assignment(settings.assignment, self.width, settings.supertokens)
        self.upsample = Upsample(
            self.width,
            residual=settings.residual,
            position=settings.upsample_position,
            mlp_ratio=settings.upsample_mlp_ratio,
        )

    @classmethod
    def versions(cls, settings: NamedSettings) -> dict[str, int]:
        """The student's and the assignment's."""
        assert isinstance(settings, FoundrySettings)
        assignment = ASSIGNMENTS.get(settings.assignment.name)
        parts = {"assignment": assignment.version}
        if settings.tokenizer is not None:
            parts["tokenizer"] = LightTokenizer.version
        return super().versions(settings) | parts

    def compress(self, embedding: Embedding) -> Compressed:
        """S' = AᵀV / column sums of A: the mean of the values assigned."""
        return self._compress(embedding, self.positions(embedding.centers_BC3))

    def tokens(self, inputs: Inputs) -> Tensor:
        """The reconstruction (B, C, D) of the teacher's final tokens."""
        return self.reconstruct(inputs).tokens_BCD

    def reconstruct(self, inputs: Inputs) -> Reconstruction:
        """Compress, encode, upsample."""
        embedding = self.embedding(inputs)
        positions_BCD = self.positions(embedding.centers_BC3)
        compressed = self._compress(embedding, positions_BCD)
        encoded_BSD = self.encoder(
            compressed.super_BSD, compressed.positions_BSD, compressed.mask_BS
        )
        tokens_BCD = self.upsample(
            compressed.assign_BCS, encoded_BSD, embedding.tokens_BCD, positions_BCD
        )
        return Reconstruction(tokens_BCD, embedding, compressed)

    def penalty(self, made: Reconstruction, lesson: Lesson) -> Tensor | None:
        """How far a tokenizer of its own is from the teacher's tokens, in units of their spread."""
        light = self.settings.tokenizer
        if light is None or light.match == 0 or lesson.embedding_BCD is None:
            return None
        wanted_BCD = lesson.embedding_BCD.float()
        distance = F.mse_loss(made.embedding.tokens_BCD.float(), wanted_BCD)
        return light.match * distance / wanted_BCD.var()

    def layers(self, inputs: Inputs, indices: Sequence[int]) -> list[Tensor]:
        """SuperTokens after the blocks `indices`, each routed back to its tokens."""
        compressed = self.compress(self.embedding(inputs))
        hidden = self.encoder.hidden(
            compressed.super_BSD, compressed.positions_BSD, compressed.mask_BS, indices
        )
        return [compressed.assign_BCS.to(layer_BSD.dtype) @ layer_BSD for layer_BSD in hidden]

    def settle(self, teacher: Teacher) -> None:
        """From now on a tokenizer of its own learns no faster than the rest."""
        for parameter in self.tokenizer.parameters():
            parameter.lr_scale = 1.0  # type: ignore[attr-defined]

    def anneal(self, progress: float) -> None:
        """Passes on to the assignment."""
        self.assignment.anneal(progress)

    def _compress(self, embedding: Embedding, positions_BCD: Tensor) -> Compressed:
        assign_BCS = self._assign(embedding, positions_BCD)
        return self._gather(assign_BCS, embedding.tokens_BCD, positions_BCD)

    def _assign(self, embedding: Embedding, positions_BCD: Tensor) -> Tensor:
        assign_BCS: Tensor = self.assignment(
            embedding.tokens_BCD, positions_BCD, embedding.centers_BC3
        )
        return assign_BCS

    def _gather(self, assign_BCS: Tensor, tokens_BCD: Tensor, positions_BCD: Tensor) -> Compressed:
        """SuperTokens as means of what is assigned to them."""
        count_BS1 = assign_BCS.sum(1).unsqueeze(-1)
        gather_BSC = assign_BCS.transpose(1, 2) / count_BS1.clamp_min(1e-6)
        super_BSD = gather_BSC @ self.assignment.values(tokens_BCD)
        positions_BSD = gather_BSC @ positions_BCD
        if self.settings.positions == "none":
            positions_BSD = positions_BSD.new_zeros(positions_BSD.shape)
        mask_BS = count_BS1.squeeze(-1) > 0 if self.settings.empty == "masked" else None
        return Compressed(assign_BCS, super_BSD, positions_BSD, mask_BS)


class FoundryPaper(Foundry):
    """`foundry` with the paper's settings."""

    Settings: ClassVar[type[FoundryPaperSettings]] = FoundryPaperSettings
