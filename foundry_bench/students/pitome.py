"""PiToMe: what is most alike to everything merges, what is alone stays.

Paper: "Accelerating Transformers with Spectrum-Preserving Token Merging" (arXiv 2405.16148),
algorithm 1; official `algo/pitome/merge.py` (`pitome_vision`), which takes another matching in half
of its blocks. B clouds, C tokens, T the same with class tokens, E width of a head, M tokens merged
away.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from foundry_bench.students.bipartite import Bipartite, BipartiteSettings

FIRST_MARGIN = 0.75
"""Cosine beyond which tokens count as alike in the first block; it falls linearly, to 0 behind the
last, as in the official code.
"""


class PitomeSettings(BipartiteSettings):
    """As published, but for `upsample`."""

    name: str = "pitome"


class Pitome(Bipartite):
    """Of the tokens with the highest energy every other one merges into the most alike of the
    rest of them.
    """

    Settings = PitomeSettings

    def places(self, keys_BTE: Tensor, num_merged: int, block: int) -> Tensor:
        """See `energy_matching`."""
        margin = FIRST_MARGIN * (1 - block / len(self.encoder.blocks))
        return energy_matching(keys_BTE, num_merged, self.encoder.num_class_tokens, margin)


def energy_matching(keys_BTE: Tensor, num_merged: int, num_class: int, margin: float) -> Tensor:
    """The places (B, T) of tokens among those that are left: class tokens, then the protected ones
    by falling energy, then those that others merge into.
    """
    unit_BCE = F.normalize(keys_BTE[:, num_class:], dim=-1)
    alike_BCC = unit_BCE @ unit_BCE.mT
    order_BC = energy(alike_BCC, margin).argsort(dim=1, descending=True, stable=True)
    pairs_BC, protected_BL = order_BC[:, : 2 * num_merged], order_BC[:, 2 * num_merged :]
    source_BM, target_BM = pairs_BC[:, ::2], pairs_BC[:, 1::2]
    rows_BMC = alike_BCC.gather(1, source_BM[..., None].expand(-1, -1, alike_BCC.shape[2]))
    alike_BMM = rows_BMC.gather(2, target_BM[:, None].expand(-1, num_merged, -1))
    start = num_class + protected_BL.shape[1]
    all_T = torch.arange(keys_BTE.shape[1], device=keys_BTE.device)
    place_BT = all_T.repeat(keys_BTE.shape[0], 1)
    place_BC = place_BT[:, num_class:]
    place_BC.scatter_(1, protected_BL, all_T[num_class:start].expand_as(protected_BL))
    place_BC.scatter_(1, target_BM, (start + all_T[:num_merged]).expand_as(target_BM))
    place_BC.scatter_(1, source_BM, start + alike_BMM.argmax(-1))
    return place_BT


def energy(alike_BCC: Tensor, margin: float) -> Tensor:
    """Equation 4: the mean over all tokens of their cosine above the margin, soft below it."""
    return F.elu(alike_BCC - margin).mean(-1)
