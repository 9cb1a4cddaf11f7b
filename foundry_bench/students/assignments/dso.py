"""Dynamic Supertoken Optimization: hard cross-attention of learnable SuperTokens over the tokens.

Paper: "Foundry" (arXiv 2511.20721), the block of 3DLST (arXiv 2405.15826). `dso` reads the paper as
written (queries and keys from content alone); `dso_pos` adds the positions to the keys. B clouds, C
tokens, S SuperTokens, D width, H heads, E width of a head.
"""

import math
from typing import ClassVar, Literal, cast

import torch
import torch.nn.functional as F
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor, nn

from foundry_bench.config.settings import NamedSettings
from foundry_bench.students.assignments import Assignment
from foundry_bench.students.gate import straight_through


class DsoSettings(NamedSettings):
    """What the paper leaves open of DSO."""

    temperature: PositiveFloat = 1.0
    """Of the Gumbel-softmax."""
    temperature_end: PositiveFloat | None = None
    """If set, the temperature goes there geometrically in the course of distillation."""
    noise: Literal["training", "never"] = "training"
    """Gumbel noise on the assignment; without it fewer SuperTokens stay in use."""
    heads: PositiveInt = 1
    """With more than one, a token goes where the heads' mean probability is largest."""
    init_std: PositiveFloat = 1.0
    """Of the learnable SuperTokens."""


class LearnedQueries(Assignment):
    """Learnable SuperTokens, and the projections of their cross-attention over the tokens."""

    def __init__(
        self, settings: NamedSettings, width: int, supertokens: int, *, heads: int, init_std: float
    ) -> None:
        super().__init__(settings, width, supertokens)
        if width % heads:
            raise ValueError(f"assignment.heads: {heads} does not divide the width {width}")
        self.supertokens_SD = nn.Parameter(init_std * torch.randn(supertokens, width))
        self.norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        nn.init.eye_(self.value.weight)

    def values(self, tokens_BCD: Tensor) -> Tensor:
        """A projection of the tokens that starts as the identity, so that a SuperToken starts as
        their mean.
        """
        return cast(Tensor, self.value(tokens_BCD))


class Dso(LearnedQueries):
    """Token j goes to the SuperToken i with the largest q_i · k_j / √d."""

    Settings: ClassVar[type[DsoSettings]] = DsoSettings

    def __init__(self, settings: DsoSettings, width: int, supertokens: int) -> None:
        super().__init__(
            settings, width, supertokens, heads=settings.heads, init_std=settings.init_std
        )
        self.settings = settings
        self.temperature = settings.temperature

    def forward(self, tokens_BCD: Tensor, positions_BCD: Tensor, centers_BC3: Tensor) -> Tensor:
        """One-hot `assign_BCS`, with the gradient of the Gumbel-softmax."""
        logits_BCS = self._logits(self.keys(tokens_BCD, positions_BCD))
        if self.training and self.settings.noise == "training":
            return F.gumbel_softmax(logits_BCS, self.temperature, hard=True)
        soft_BCS = (logits_BCS / self.temperature).softmax(-1)
        return hard_assignment(soft_BCS, training=self.training)

    def keys(self, tokens_BCD: Tensor, positions_BCD: Tensor) -> Tensor:
        """What the queries are compared with: content alone."""
        return cast(Tensor, self.key(self.norm(tokens_BCD)))

    def anneal(self, progress: float) -> None:
        """Geometric from `temperature` to `temperature_end`."""
        end = self.settings.temperature_end or self.settings.temperature
        self.temperature = self.settings.temperature * (end / self.settings.temperature) ** progress

    def _logits(self, keys_BCD: Tensor) -> Tensor:
        return attention_logits(self.query(self.supertokens_SD), keys_BCD, self.settings.heads)


class DsoPos(Dso):
    """DSO whose keys also hold where a token is."""

    def __init__(self, settings: DsoSettings, width: int, supertokens: int) -> None:
        super().__init__(settings, width, supertokens)
        self.position_norm = nn.LayerNorm(width)
        self.position_key = nn.Linear(width, width, bias=False)

    def keys(self, tokens_BCD: Tensor, positions_BCD: Tensor) -> Tensor:
        """Content and position on an equal footing."""
        position_BCD: Tensor = self.position_key(self.position_norm(positions_BCD))
        return super().keys(tokens_BCD, positions_BCD) + position_BCD


def attention_logits(queries_SD: Tensor, keys_BCD: Tensor, heads: int) -> Tensor:
    """`logits_BCS` = q · k / √E, in float32 also under autocast; queries may be per cloud (BSD).

    With several heads: the logarithm of their mean probability of each SuperToken.
    """
    queries_HSE = queries_SD.float().unflatten(-1, (heads, -1)).transpose(-3, -2)
    keys_BHCE = keys_BCD.float().unflatten(-1, (heads, -1)).transpose(1, 2)
    with torch.autocast(keys_BCD.device.type, enabled=False):
        logits_BHCS = keys_BHCE @ queries_HSE.transpose(-2, -1) / math.sqrt(queries_HSE.shape[-1])
    if heads == 1:
        return cast(Tensor, logits_BHCS[:, 0])
    return cast(Tensor, logits_BHCS.log_softmax(-1).logsumexp(1) - math.log(heads))


def hard_assignment(soft_BCS: Tensor, *, training: bool) -> Tensor:
    """One-hot of the largest entry; in training with the gradient of `soft_BCS`."""
    hard_BCS = torch.zeros_like(soft_BCS).scatter_(-1, soft_BCS.argmax(-1, keepdim=True), 1.0)
    return straight_through(hard_BCS, soft_BCS) if training else hard_BCS
