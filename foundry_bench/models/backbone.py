"""The contract between a backbone (a teacher or a student) and everything that uses one.

B clouds, C patches, D width.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Self, cast

from torch import Tensor, nn

from foundry_bench.errors import FoundryError
from foundry_bench.geometry.patches import Patches, PatchSpec
from foundry_bench.models.transformer import Encoder


@dataclass(frozen=True)
class Embedding:
    """What a tokenizer makes of patches: where a cached computation starts.

    Attributes:
        tokens_BCD: one token a patch, before positions are added.
        centers_BC3: the patches' centres.
    """

    tokens_BCD: Tensor
    centers_BC3: Tensor


Inputs = Patches | Embedding


class Backbone(nn.Module, ABC):
    """Patches -> one token per patch. A task sees nothing else of a teacher or a student.

    Attributes:
        patch_spec: how many points, patches and points a patch it takes.
        width: of a token.
        parts: name -> attribute path of the parts that training can freeze.
        tokenizer: patches (B, C, K, 3), each relative to its centre -> tokens.
        budget: the most tokens that its encoder may receive; None: as many as it likes.
        least_budget: the smallest `budget` that it can be given; None: it heeds none.
    """

    patch_spec: PatchSpec
    width: int
    tokenizer: nn.Module
    budget: int | None = None
    least_budget: int | None = None
    parts: ClassVar[dict[str, tuple[str, ...]]] = {
        "tokenizer": ("tokenizer",),
        "encoder": ("encoder", "positions"),
    }

    @property
    def depth(self) -> int:
        """Blocks that `layers` has indices of; to be overridden where `encoder` has no `blocks`."""
        return len(cast(nn.ModuleList, self.get_submodule("encoder.blocks")))

    def embed(self, patches: Patches) -> Embedding:
        """The tokenizer alone; to be overridden where there is no `tokenizer`."""
        return Embedding(self.tokenizer(patches.neighbors_BCK3), patches.centers_BC3)

    @abstractmethod
    def layers(self, inputs: Inputs, indices: Sequence[int]) -> list[Tensor]:
        """Tokens (B, C, D) after the encoder's blocks `indices`; negative: from the end."""

    @abstractmethod
    def tokens(self, inputs: Inputs) -> Tensor:
        """The final tokens (B, C, D)."""

    def embedding(self, inputs: Inputs) -> Embedding:
        """`inputs` as an embedding: computed from patches, or as it was cached."""
        return inputs if isinstance(inputs, Embedding) else self.embed(inputs)

    def set_drop_path(self, rate: float) -> None:
        """Drop paths of the encoder's blocks in training, linearly from 0 at the first to `rate`.

        To be overridden where `encoder` is of another class.

        Raises:
            FoundryError: if there is no such encoder and `rate` is not 0.
        """
        encoder = getattr(self, "encoder", None)
        if isinstance(encoder, Encoder):
            encoder.set_drop_path(rate)
        elif rate:
            raise FoundryError(
                f"{type(self).__name__} has no encoder whose paths drop, and drop_path is {rate}: "
                "set `drop_path: 0`, or override `set_drop_path` in its class"
            )

    def freeze_all_but(
        self, trained: Iterable[str], *, frozen_mode: Literal["eval", "train"] = "eval"
    ) -> None:
        """Let only the named `parts`, and what belongs to no part, train.

        Frozen parts stay in eval mode; with `frozen_mode="train"` they change mode with the rest,
        and only their parameters stay.
        """
        chosen = set(trained)
        self._is_frozen = False
        frozen = [
            self.get_submodule(path)
            for part, paths in self.parts.items()
            if part not in chosen
            for path in paths
        ]
        self._frozen = frozen if frozen_mode == "eval" else []
        self.requires_grad_(True)
        for module in frozen:
            module.requires_grad_(False)
        self.train(self.training)

    def freeze(self, *, frozen_mode: Literal["eval", "train"] = "eval") -> None:
        """Let nothing train: all of it stays in eval mode, or, with `frozen_mode="train"`, follows
        `train`.
        """
        self._is_frozen = frozen_mode == "eval"
        self._frozen = []
        self.requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """As in torch, but frozen parts keep their statistics: they stay in eval mode."""
        super().train(mode and not getattr(self, "_is_frozen", False))
        for module in getattr(self, "_frozen", ()):
            module.eval()
        return self
