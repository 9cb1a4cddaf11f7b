"""What ToMe and PiToMe share: in each block, between attention and MLP, tokens merge in pairs.

Paper: "Token Merging" (arXiv 2210.09461). Beyond it, positions, which this suite's encoders add
before every block, merge as tokens do. Class tokens never merge.

B clouds, C tokens, T tokens in a block, K class tokens, S SuperTokens, D width, E width of a head.
"""

from abc import abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

import torch
from pydantic import NonNegativeInt
from torch import Tensor

from foundry_bench.config.settings import Seq, TrainSettings
from foundry_bench.models.transformer import Block
from foundry_bench.students.assignments.distance import take
from foundry_bench.students.merging import Merged, Merging, MergingSettings, Walk
from foundry_bench.teachers.teacher import Teacher


class BipartiteSettings(MergingSettings):
    """When how many tokens merge."""

    merge: NonNegativeInt | Seq[NonNegativeInt] | None = None
    """Tokens that a block merges away (r in the papers), at most half of those it has: one number
    for all blocks, or one for each; null: spread as evenly as `supertokens` at the end allows.
    """

    def check(self, patches: int, depth: int) -> None:
        """The schedule can be carried out, and ends at `supertokens`."""
        super().check(patches, depth)
        self.schedule(patches, depth)

    def check_training(self, train: TrainSettings) -> None:
        """Something trains."""
        if self.upsample == "copy" and not train.distill.trainable:
            raise ValueError(
                "upsample: with 'copy' nothing trains but the teacher's parts, and "
                "`train.distill.trainable` names none; name one there, or set this to cau"
            )

    def schedule(self, patches: int, depth: int) -> tuple[int, ...]:
        """How many of a teacher's `patches` tokens each of its `depth` blocks merges away.

        Raises ValueError, opening with the field, if that cannot be.
        """
        if self.merge is None:
            return spread(patches, self.supertokens, depth)
        merge = (self.merge,) * depth if isinstance(self.merge, int) else self.merge
        if len(merge) != depth:
            raise ValueError(
                f"merge: {len(merge)} numbers for the teacher's {depth} blocks; give one for each, "
                "or a single one for all"
            )
        left = patches
        for number, merged in enumerate(merge, start=1):
            if merged > left // 2:
                raise ValueError(
                    f"merge: block {number} cannot merge {merged} of its {left} tokens away; at "
                    f"most half of them, {left // 2}"
                )
            left -= merged
        if left != self.supertokens:
            raise ValueError(
                f"merge: {left} of the teacher's {patches} tokens are left at the end, and "
                f"supertokens is {self.supertokens}; set it to {left}, or leave merge out"
            )
        return merge


def spread(patches: int, supertokens: int, depth: int) -> tuple[int, ...]:
    """A schedule as near to the same number in each block as halving allows: the last blocks, with
    few tokens, merge at most half of those away, so the first take more.

    Raises ValueError if `depth` halvings leave more than `supertokens`.
    """
    if supertokens << depth < patches:
        least = -(-patches >> depth)
        raise ValueError(
            f"supertokens: {supertokens} is less than the {least} that {depth} blocks leave of "
            f"{patches} tokens, since a block merges at most half of its tokens away"
        )
    left = [
        min(patches - number * (patches - supertokens) // depth, supertokens << (depth - number))
        for number in range(depth + 1)
    ]
    return tuple(before - after for before, after in pairwise(left))


class Bipartite(Merging):
    """Merging with proportional attention: a token counts as often in attention as it has tokens
    merged in it.
    """

    Settings: ClassVar[type[BipartiteSettings]] = BipartiteSettings

    def __init__(self, teacher: Teacher, settings: BipartiteSettings) -> None:
        super().__init__(teacher, settings)
        self.settings = settings

    @property
    def schedule(self) -> tuple[int, ...]:
        """Tokens that are merged in each block, for as many patches as it takes."""
        return self.settings.schedule(self.patch_spec.patches, len(self.encoder.blocks))

    @abstractmethod
    def places(self, keys_BTE: Tensor, num_merged: int, block: int) -> Tensor:
        """The place of each token of block number `block` among the T - `num_merged` that are left.

        `keys_BTE` are the mean of the heads' keys in that block, float32. The class tokens, which
        come first, keep their places. Runs without gradient and without autocast.
        """

    def walk(self, tokens_BCD: Tensor, positions_BCD: Tensor, indices: Sequence[int] = ()) -> Walk:
        """See `Merging`."""
        encoder, depth = self.encoder, len(self.encoder.blocks)
        num_class = encoder.num_class_tokens
        tokens_BTD, positions_BTD, _ = encoder.enter(tokens_BCD, positions_BCD)
        size_BT1 = tokens_BTD.new_ones((*tokens_BTD.shape[:2], 1), dtype=torch.float32)
        all_T = torch.arange(tokens_BTD.shape[1], device=tokens_BTD.device)
        where_BC = all_T[num_class:].expand(tokens_BTD.shape[0], -1)
        wanted = [index % depth for index in indices]
        entered, layers, schedule = 0, dict[int, Tensor](), self.schedule
        for number, (block, num_merged) in enumerate(zip(encoder.blocks, schedule, strict=True)):
            assert isinstance(block, Block)
            entered += tokens_BTD.shape[1] - num_class
            weights_BT1 = size_BT1 if any(schedule[:number]) else None
            tokens_BTD, keys_BTE = attended(block, tokens_BTD + positions_BTD, weights_BT1)
            if num_merged:
                place_BT = self._places(keys_BTE, num_merged, number)
                left = tokens_BTD.shape[1] - num_merged
                before_BT1, size_BT1 = size_BT1, sum_at(size_BT1, place_BT, left)
                tokens_BTD, positions_BTD = (
                    sum_at(values_BTD * before_BT1, place_BT, left) / size_BT1
                    for values_BTD in (tokens_BTD, positions_BTD)
                )
                where_BC = place_BT.gather(1, where_BC)
            tokens_BTD = block.transformed(tokens_BTD)
            if number in wanted:
                layers[number] = take(tokens_BTD, where_BC)
        super_BSD = encoder.norm(tokens_BTD)[:, num_class:]
        left_S = all_T[: super_BSD.shape[1]]
        assign_BCS = (where_BC.unsqueeze(-1) - num_class == left_S).float()
        merged = Merged(assign_BCS, super_BSD, positions_BTD[:, num_class:], None, entered / depth)
        return Walk(merged, [layers[number] for number in wanted])

    @torch.no_grad()
    def _places(self, keys_BTE: Tensor, num_merged: int, block: int) -> Tensor:
        with torch.autocast(keys_BTE.device.type, enabled=False):
            return self.places(keys_BTE.float(), num_merged, block)


def attended(block: Block, tokens_BTD: Tensor, size_BT1: Tensor | None) -> tuple[Tensor, Tensor]:
    """The first half of a block, its attention proportional to sizes if they are given; and the
    mean of its heads' keys (B, T, E).
    """
    normed_BTD = block.norm1(tokens_BTD)
    q_BHTE, k_BHTE, v_BHTE = block.attn.project(normed_BTD)
    logs_B11T = None if size_BT1 is None else size_BT1.log().to(q_BHTE.dtype).mT.unsqueeze(1)
    mixed_BTD = block.attn.mix(q_BHTE, k_BHTE, v_BHTE, logs_B11T)
    tokens_BTD = block.skipped(tokens_BTD, normed_BTD) + block.dropped(mixed_BTD)
    return tokens_BTD, k_BHTE.mean(1)


def sum_at(values_BTD: Tensor, place_BT: Tensor, num: int) -> Tensor:
    """Sums (B, `num`, D) of the values that have the same place."""
    sums_BSD = values_BTD.new_zeros(values_BTD.shape[0], num, values_BTD.shape[2])
    return sums_BSD.scatter_add(1, place_BT[..., None].expand_as(values_BTD), values_BTD)
