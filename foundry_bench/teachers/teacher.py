"""What every teacher is. B clouds, C patches, D width."""

from collections.abc import Sequence
from typing import ClassVar, Self, cast

from pydantic import Field, PositiveInt, model_validator
from torch import Tensor, nn

from foundry_bench.config.settings import NamedSettings
from foundry_bench.errors import FoundryError
from foundry_bench.geometry.patches import PatchSpec
from foundry_bench.models.backbone import Backbone, Inputs
from foundry_bench.models.tokenizer import PatchTokenizer
from foundry_bench.models.transformer import Block, Encoder, initialize, position_mlp
from foundry_bench.teachers.layouts import Layout


class TeacherArchitecture(NamedSettings):
    """Geometry and size of a teacher; any registered teacher's `Settings` has at least these."""

    points: PositiveInt
    patches: PositiveInt
    patch_size: PositiveInt
    width: PositiveInt
    depth: PositiveInt
    heads: PositiveInt

    @property
    def patch_spec(self) -> PatchSpec:
        """Points, patches and points a patch."""
        return PatchSpec(points=self.points, patches=self.patches, patch_size=self.patch_size)


PARTS = ("tokenizer", "positions", "encoder")


class MissingPart(FoundryError, AttributeError):
    """A student or an objective asked a teacher for a part that it does not have."""

    def __init__(self, teacher: str, part: str) -> None:
        super().__init__(
            f"the teacher {teacher} has no `{part}`, which this student (or pre-training) builds "
            f"on. Take a student that copies nothing of its teacher, or give {teacher} the parts "
            f"{', '.join(PARTS)}"
        )


class Teacher(Backbone):
    """A backbone that students are distilled from.

    Attributes:
        Settings: the architecture's settings, which a preset fills.
        version: to be raised when the code changes what the teacher computes; part of its
            fingerprint.
        layout: how the files name the encoder's parts that the family's authors publish; None: only
            files with the teacher's own names load.
        pretrainable: its tokens are what `encoder` makes of tokens and positions alone, so that the
            objectives of pre-training, which take tokens out, train it as it is used.
        positions: centres (B, C, 3) -> positions (B, C, D).
        encoder: tokens and positions -> tokens.

    `tokenizer`, `positions` and `encoder` are for students to copy. A teacher of another kind may
    lack them: asking for one raises MissingPart.
    """

    Settings: ClassVar[type[TeacherArchitecture]]
    version: ClassVar[int] = 1
    layout: ClassVar[Layout | None] = None
    pretrainable: ClassVar[bool] = True
    positions: nn.Module
    encoder: Encoder

    def __getattr__(self, name: str) -> Tensor | nn.Module:
        """As in torch, but a part that students copy and that is not there is the user's."""
        try:
            return super().__getattr__(name)
        except AttributeError as error:
            if name in PARTS:
                raise MissingPart(type(self).__name__, name) from error
            raise


class ViTSettings(TeacherArchitecture):
    """A plain ViT over patch tokens."""

    tokenizer: tuple[int, int, int] = Field((128, 256, 512), strict=False)
    """Widths of the mini-PointNet before the last layer."""
    position_hidden: PositiveInt = 128
    mlp_ratio: float = Field(4.0, gt=0)
    drop_path: float = Field(0.0, ge=0, lt=1)
    """Stochastic depth at the last block, in pre-training."""

    @model_validator(mode="after")
    def _heads_fit(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"heads: {self.heads} does not divide the width {self.width}")
        return self


class ViTTeacher(Teacher):
    """Mini-PointNet tokenizer and a ViT with the position added before every block.

    Attributes:
        tokenizer_bias: of the tokenizer's layers before a batch norm.
        qkv_bias: of the layer that makes queries, keys and values.
        num_class_tokens: that go through the blocks with the patches' tokens.
        block: the class of a block.
    """

    Settings = ViTSettings
    tokenizer_bias: ClassVar[bool] = False
    qkv_bias: ClassVar[bool] = True
    num_class_tokens: ClassVar[int] = 0
    block: ClassVar[type[Block]] = Block

    def __init__(self, settings: ViTSettings) -> None:
        super().__init__()
        self.settings = settings
        self.patch_spec = settings.patch_spec
        self.width = settings.width
        self.tokenizer = self.make_tokenizer(settings)
        self.positions = self.make_positions(settings)
        self.encoder = Encoder(
            settings.width,
            settings.depth,
            settings.heads,
            mlp_ratio=settings.mlp_ratio,
            drop_path=settings.drop_path,
            qkv_bias=self.qkv_bias,
            num_class_tokens=self.num_class_tokens,
            block=self.block,
        )
        initialize(self.encoder)

    def make_tokenizer(self, settings: ViTSettings) -> PatchTokenizer:
        """The mini-PointNet, for a family to change."""
        return PatchTokenizer(settings.tokenizer, settings.width, bias=self.tokenizer_bias)

    def make_positions(self, settings: ViTSettings) -> nn.Module:
        """Centres -> positions, for a family to change."""
        return position_mlp(settings.position_hidden, settings.width)

    def tokens(self, inputs: Inputs) -> Tensor:
        """The final tokens (B, C, D), after the last LayerNorm."""
        embedding = self.embedding(inputs)
        return cast(
            Tensor, self.encoder(embedding.tokens_BCD, self.positions(embedding.centers_BC3))
        )

    def layers(self, inputs: Inputs, indices: Sequence[int]) -> list[Tensor]:
        """Tokens after the blocks `indices`, before the last LayerNorm."""
        embedding = self.embedding(inputs)
        positions = self.positions(embedding.centers_BC3)
        return self.encoder.hidden(embedding.tokens_BCD, positions, indices=indices)
