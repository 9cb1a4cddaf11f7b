"""A partition of the tokens that knows nothing of them: what any assignment must beat.

B clouds, C tokens, S SuperTokens.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from foundry_bench.errors import FoundryError
from foundry_bench.students.assignments import Assignment


class Random(Assignment):
    """Where a token goes is a hash of its patch's centre: as good as random, and yet the same each
    time.
    """

    def forward(self, tokens_BCD: Tensor, positions_BCD: Tensor, centers_BC3: Tensor) -> Tensor:
        """One-hot `assign_BCS`."""
        number_BC = (hashed(centers_BC3) * self.supertokens).long()
        return F.one_hot(number_BC, self.supertokens).to(tokens_BCD.dtype)


def hashed(centers_BC3: Tensor, salt: int = 0) -> Tensor:
    """A number in [0, 1) for each centre, float64, from the bits of its coordinates and `salt`.

    Raises:
        FoundryError: if it is exported as a graph.
    """
    if torch.compiler.is_exporting():
        raise FoundryError(
            "a random choice hashes the bits of coordinates, for which ONNX has no operator; it is "
            "an ablation, not meant for a device"
        )
    bits_BC3 = centers_BC3.float().contiguous().view(torch.int32).long()
    mixed_BC = torch.full_like(bits_BC3[..., 0], salt)
    for bits_BC in bits_BC3.unbind(-1):
        mixed_BC = (mixed_BC * 31 + bits_BC) & 0xFFFFFFFF
        for shift, factor in ((16, 0x7FEB352D), (15, 0x2C1B3C6D)):
            mixed_BC = ((mixed_BC ^ (mixed_BC >> shift)) * factor) & 0xFFFFFFFF
    return (mixed_BC ^ (mixed_BC >> 16)).double() / 2**32
