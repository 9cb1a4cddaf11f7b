"""The k-means student's assignment: a clustering of each cloud's tokens.

Paper: the mechanism ablation of "Foundry" (arXiv 2511.20721), which does not say in which space:
`kmeans_xyz` clusters patch centres, `kmeans_tokens` the tokens. B clouds, C tokens, S SuperTokens,
D width, F features.
"""

from abc import abstractmethod
from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from pydantic import PositiveInt
from torch import Tensor, nn

from foundry_bench.config.settings import NamedSettings
from foundry_bench.students.assignments import Assignment
from foundry_bench.students.assignments.distance import farthest, nearest_BCS, take


class KMeansSettings(NamedSettings):
    """Lloyd's algorithm from farthest-point starts."""

    iterations: PositiveInt = 5
    project: bool = False
    """Average a linear projection of the tokens, as `dso` does, instead of the tokens."""


class _KMeans(Assignment):
    """A SuperToken a cluster; nothing is learned."""

    Settings: ClassVar[type[KMeansSettings]] = KMeansSettings

    def __init__(self, settings: KMeansSettings, width: int, supertokens: int) -> None:
        super().__init__(settings, width, supertokens)
        self.iterations = settings.iterations
        self.value: nn.Module = nn.Identity()
        if settings.project:
            self.value = nn.Linear(width, width, bias=False)
            nn.init.eye_(self.value.weight)

    @torch.no_grad()
    def forward(self, tokens_BCD: Tensor, positions_BCD: Tensor, centers_BC3: Tensor) -> Tensor:
        """One-hot `assign_BCS`; a cluster that loses its last token keeps its place."""
        points_BCF = self.points(tokens_BCD, centers_BC3).float()
        with torch.autocast(points_BCF.device.type, enabled=False):
            places_BSF = take(points_BCF, farthest(points_BCF, self.supertokens))
            for _ in range(self.iterations):
                assign_BCS = nearest_BCS(points_BCF, places_BSF)
                count_BS1 = assign_BCS.sum(1).unsqueeze(-1)
                mean_BSF = assign_BCS.transpose(1, 2) @ points_BCF / count_BS1.clamp_min(1)
                places_BSF = torch.where(count_BS1 > 0, mean_BSF, places_BSF)
            return nearest_BCS(points_BCF, places_BSF)

    def values(self, tokens_BCD: Tensor) -> Tensor:
        """The tokens, or a projection of them that starts as the identity."""
        return cast(Tensor, self.value(tokens_BCD))

    @abstractmethod
    def points(self, tokens_BCD: Tensor, centers_BC3: Tensor) -> Tensor:
        """What is clustered, (B, C, F)."""


class KMeansXyz(_KMeans):
    """Clusters of patch centres."""

    def points(self, tokens_BCD: Tensor, centers_BC3: Tensor) -> Tensor:
        """The centres."""
        return centers_BC3


class KMeansTokens(_KMeans):
    """Clusters of tokens, LayerNormed without affine."""

    def points(self, tokens_BCD: Tensor, centers_BC3: Tensor) -> Tensor:
        """The tokens."""
        return F.layer_norm(tokens_BCD.float(), tokens_BCD.shape[-1:])
