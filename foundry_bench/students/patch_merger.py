"""PatchMerger: in the middle of the encoder learned queries gather all tokens into few.

Paper: "Learning to Merge Tokens in Vision Transformers" (arXiv 2202.12015). B clouds, C tokens, K
class tokens, T tokens in a block, S SuperTokens, D width.
"""

from collections.abc import Sequence
from typing import ClassVar

import torch
from pydantic import NonNegativeInt
from torch import Tensor, nn

from foundry_bench.students.merging import Merged, Merging, MergingSettings, Walk
from foundry_bench.teachers.teacher import Teacher


class PatchMergerSettings(MergingSettings):
    """As published, but for `upsample`."""

    name: str = "patch_merger"
    at: NonNegativeInt | None = None
    """Number of the block, from 0, before which tokens are gathered; null: half of them before."""

    def check(self, patches: int, depth: int) -> None:
        """There is such a block."""
        super().check(patches, depth)
        if self.at is not None and self.at >= depth:
            raise ValueError(
                f"at: there is no block {self.at} among the teacher's {depth}; the last is "
                f"{depth - 1}"
            )


class PatchMerger(Merging):
    """A SuperToken is a mean of the LayerNormed tokens, weighted by a softmax over them.

    The way back, of which the paper has no need, is the softmax of the same scores over the
    SuperTokens.
    """

    Settings: ClassVar[type[PatchMergerSettings]] = PatchMergerSettings

    def __init__(self, teacher: Teacher, settings: PatchMergerSettings) -> None:
        super().__init__(teacher, settings)
        depth = len(self.encoder.blocks)
        self.at = depth // 2 if settings.at is None else settings.at
        self.norm = nn.LayerNorm(self.width)
        self.queries = nn.Linear(self.width, settings.supertokens, bias=False)
        nn.init.normal_(self.queries.weight, std=self.width**-0.5)

    def walk(self, tokens_BCD: Tensor, positions_BCD: Tensor, indices: Sequence[int] = ()) -> Walk:
        """See `Merging`."""
        encoder, depth = self.encoder, len(self.encoder.blocks)
        num_class, num_tokens = encoder.num_class_tokens, tokens_BCD.shape[1]
        tokens_BTD, positions_BTD, _ = encoder.enter(tokens_BCD, positions_BCD)
        wanted = [index % depth for index in indices]
        layers = dict[int, Tensor]()
        for number, block in enumerate(encoder.blocks):
            if number == self.at:
                normed_BCD = self.norm(tokens_BTD[:, num_class:])
                scores_BCS = self.queries(normed_BCD).float()
                assign_BCS, gather_BSC = scores_BCS.softmax(2), scores_BCS.softmax(1).mT
                tokens_BTD, positions_BTD = (
                    torch.cat([before_BTD[:, :num_class], gather_BSC @ values_BCD], dim=1)
                    for before_BTD, values_BCD in (
                        (tokens_BTD, normed_BCD),
                        (positions_BTD, positions_BCD),
                    )
                )
            tokens_BTD = block(tokens_BTD + positions_BTD)
            if number in wanted:
                after_BSD = tokens_BTD[:, num_class:]
                routed = number >= self.at
                layers[number] = assign_BCS.to(after_BSD.dtype) @ after_BSD if routed else after_BSD
        super_BSD = encoder.norm(tokens_BTD)[:, num_class:]
        entered = (self.at * num_tokens + (depth - self.at) * super_BSD.shape[1]) / depth
        merged = Merged(assign_BCS, super_BSD, positions_BTD[:, num_class:], None, entered)
        return Walk(merged, [layers[number] for number in wanted])
