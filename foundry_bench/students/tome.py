"""ToMe: bipartite soft matching on the keys, block by block.

Paper: "Token Merging: Your ViT But Faster" (arXiv 2210.09461), section 3; official
`tome/merge.py`. B clouds, T tokens in a block, E width of a head, M of them merged away, R those of
the first set, O those of the second.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from foundry_bench.students.bipartite import Bipartite, BipartiteSettings


class TomeSettings(BipartiteSettings):
    """As published, but for `upsample`."""

    name: str = "tome"


class Tome(Bipartite):
    """Tokens are dealt alternately into two sets; of the first, those most alike to any of the
    second merge into it.

    Who may merge with whom depends on the order of the patches.
    """

    Settings = TomeSettings

    def places(self, keys_BTE: Tensor, num_merged: int, block: int) -> Tensor:
        """See `alternate_matching`."""
        return alternate_matching(keys_BTE, num_merged, self.encoder.num_class_tokens)


def alternate_matching(keys_BTE: Tensor, num_merged: int, num_class: int) -> Tensor:
    """The places (B, T) of tokens among those that are left: class tokens, then what stays of the
    first set (sorted if there are class tokens, else the least alike last, as in the official
    code), then the second set.
    """
    first, second = num_class + num_class % 2, num_class + 1 - num_class % 2
    unit_BTE = F.normalize(keys_BTE, dim=-1)
    alike_BRO = unit_BTE[:, first::2] @ unit_BTE[:, second::2].mT
    best_BR, partner_BR = alike_BRO.max(-1)
    order_BR = best_BR.argsort(dim=1, descending=True, stable=True)
    moved_BM, stay_BL = order_BR[:, :num_merged], order_BR[:, num_merged:]
    if num_class:
        stay_BL = stay_BL.sort(dim=1).values
    start = num_class + stay_BL.shape[1]
    all_T = torch.arange(keys_BTE.shape[1], device=keys_BTE.device)
    place_BT = all_T.repeat(keys_BTE.shape[0], 1)
    place_BT[:, second::2] = start + all_T[: alike_BRO.shape[2]]
    place_BT.scatter_(1, first + 2 * stay_BL, all_T[num_class:start].expand_as(stay_BL))
    return place_BT.scatter_(1, first + 2 * moved_BM, start + partner_BR.gather(1, moved_BM))
