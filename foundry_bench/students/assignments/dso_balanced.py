"""Balanced DSO: learned queries, and SuperTokens that share the tokens of each cloud evenly.

The noise of `dso` keeps its SuperTokens in use, at a price: a token rarely goes in training where
it goes at test. Sinkhorn iterations (Cuturi 2013; for assignments: SwAV, arXiv 2006.09882) keep
them in use without noise, so that training and test assign alike. This is not the paper's: there,
the assignment of a token depends on the token alone, here on its whole cloud. B clouds, C tokens,
S SuperTokens, D width.
"""

from typing import ClassVar, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor, nn

from foundry_bench.config.settings import NamedSettings
from foundry_bench.students.assignments.distance import farthest, take
from foundry_bench.students.assignments.dso import (
    LearnedQueries,
    attention_logits,
    hard_assignment,
)


class DsoBalancedSettings(NamedSettings):
    """How even the shares are, and where the queries come from."""

    steps: NonNegativeInt = 3
    """Sinkhorn iterations; 0: plain DSO without noise."""
    balance: float = Field(0.5, ge=0, le=1)
    """How far each iteration evens the shares: 1 fully; less lets large parts take more tokens, as
    in unbalanced optimal transport.
    """
    temperature: PositiveFloat = 1.0
    """Of the softmax over SuperTokens, before balancing."""
    heads: PositiveInt = 1
    """With more than one, a token's probabilities are the mean over heads."""
    init_std: PositiveFloat = 1.0
    """Of the learnable SuperTokens."""
    keys: Literal["content_position", "content"] = "content_position"
    """What queries are compared with: tokens with or without their positions."""
    queries: Literal["learned", "fps"] = "learned"
    """`learned`: the same for each cloud; `fps`: the keys of s patches by farthest point sampling
    are added to them.
    """


class DsoBalanced(LearnedQueries):
    """Argmax of balanced query-key probabilities, with the gradient of their softmax."""

    Settings: ClassVar[type[DsoBalancedSettings]] = DsoBalancedSettings

    def __init__(self, settings: DsoBalancedSettings, width: int, supertokens: int) -> None:
        super().__init__(
            settings, width, supertokens, heads=settings.heads, init_std=settings.init_std
        )
        self.settings = settings
        if settings.keys == "content_position":
            self.position_norm = nn.LayerNorm(width)
            self.position_key = nn.Linear(width, width, bias=False)

    def forward(self, tokens_BCD: Tensor, positions_BCD: Tensor, centers_BC3: Tensor) -> Tensor:
        """One-hot `assign_BCS`; the straight-through gradient in training."""
        settings = self.settings
        keys_BCD: Tensor = self.key(self.norm(tokens_BCD))
        if settings.keys == "content_position":
            keys_BCD = keys_BCD + self.position_key(self.position_norm(positions_BCD))
        queries_SD: Tensor = self.query(self.supertokens_SD)
        if settings.queries == "fps":
            queries_SD = queries_SD + take(keys_BCD, farthest(centers_BC3, self.supertokens))
        logits_BCS = attention_logits(queries_SD, keys_BCD, settings.heads) / settings.temperature
        log_BCS = balance_shares(logits_BCS, settings.steps, settings.balance)
        return hard_assignment(log_BCS.exp(), training=self.training)


def balance_shares(logits_BCS: Tensor, steps: int, balance: float) -> Tensor:
    """Log-probabilities of SuperTokens per token, after `steps` Sinkhorn iterations.

    Each iteration subtracts from a SuperToken's column `balance` times the logarithm of its share
    of the cloud, then normalises the rows again.
    """
    log_BCS = logits_BCS.log_softmax(-1)
    for _ in range(steps):
        log_BCS = (log_BCS - balance * log_BCS.logsumexp(1, keepdim=True)).log_softmax(-1)
    return log_BCS
