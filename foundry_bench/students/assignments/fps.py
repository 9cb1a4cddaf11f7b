"""The FPS student's assignment: each token goes to the nearest of s farthest-point centres.

Paper: the mechanism ablation of "Foundry" (arXiv 2511.20721). B clouds, C tokens, D width.
"""

from torch import Tensor

from foundry_bench.students.assignments import Assignment
from foundry_bench.students.assignments.distance import farthest, nearest_BCS, take


class Fps(Assignment):
    """Regions of space around s patch centres picked by FPS; nothing is learned."""

    def forward(self, tokens_BCD: Tensor, positions_BCD: Tensor, centers_BC3: Tensor) -> Tensor:
        """One-hot `assign_BCS`."""
        picked_BS3 = take(centers_BC3, farthest(centers_BC3, self.supertokens))
        return nearest_BCS(centers_BC3, picked_BS3)
