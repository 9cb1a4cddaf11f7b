"""Foundry-Gate: a gate decides per token what is merged, the rest enters the encoder as it is.

Paper: "Foundry" (arXiv 2511.20721); what it leaves open is an option here. B clouds, C tokens,
S SuperTokens, P places in the encoder's input, D width.
"""

import copy
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self, cast

import torch
import torch.nn.functional as F
from pydantic import Field, PositiveInt, model_validator
from torch import Tensor

from foundry_bench.config.settings import TrainSettings
from foundry_bench.errors import FoundryError
from foundry_bench.models.backbone import Embedding
from foundry_bench.students.assignments.random import hashed
from foundry_bench.students.foundry import Foundry, FoundrySettings
from foundry_bench.students.gate import Gate, lowest, straight_through
from foundry_bench.students.student import Compressed, Lesson, Reconstruction
from foundry_bench.teachers.teacher import Teacher

ERROR_FLOOR = 1e-4
"""Squared errors below this are alike to a gate that learns the error."""


class FoundryGateSettings(FoundrySettings):
    """What the paper leaves open of the gate, with the default that small runs favour."""

    of_evaluation: ClassVar[frozenset[str]] = frozenset({"budget", "selection"})

    name: str = "foundry_gate"
    gate_lambda: float = Field(0.025, ge=0)
    """Weight of the gate's own loss, which rewards merging."""
    gate_reduction: Literal["mean", "sum"] = "mean"
    """Of π in that loss, over batch and tokens; `sum` is how we read the paper's 1e-11."""
    gate_gradient: Literal["straight_through", "none"] = "straight_through"
    """How the distillation loss reaches the gate; with `none` the gate sees only its own loss."""
    gate_threshold: float = Field(0.5, gt=0, lt=1)
    """A token is merged if π is above it (r in the paper), where there is no budget."""
    gate_weight_decay: bool = False
    gate_learns: Literal["merging", "error"] = "merging"
    """`error`, beyond the paper: π is trained to order tokens by how badly they are reconstructed
    once merged, the worst lowest; there is no reward for merging then.
    """
    distill_budget: Literal["random"] | None = None
    """`random`: while it trains, and no `budget` is set, each batch draws its budget, from the
    SuperTokens alone to all tokens; evaluated without a budget, it merges all tokens.
    """
    budget: PositiveInt | None = None
    """Most tokens that the encoder may receive, ranked by π per cloud (r is dynamic); null: as many
    as the threshold lets through. At the teacher's number of tokens and above, all are kept.
    """
    selection: Literal["gate", "distance", "random", "oracle"] = "gate"
    """Which tokens are kept under a budget: `gate`: those of lowest π; `distance`: those farthest
    from the mean of their SuperToken; `random`; `oracle`, as a bound: those that the distilled
    student reconstructs worst when all are merged, which only the teacher can tell.
    """

    @model_validator(mode="after")
    def _budget_holds_the_supertokens(self) -> Self:
        if self.budget is not None and self.budget < self.supertokens:
            raise ValueError(
                f"budget: {self.budget} is less than the {self.supertokens} SuperTokens "
                "(student.supertokens), which enter the encoder too"
            )
        if self.empty == "zero":
            raise ValueError("empty: a gate has no place for an empty SuperToken; set it to masked")
        if self.selection != "gate" and self.budget is None:
            raise ValueError(f"selection: '{self.selection}' needs a budget")
        if self.selection == "oracle" and self.tokenizer is not None:
            raise ValueError("selection: 'oracle' needs the teacher's own tokenizer")
        return self

    def check_training(self, train: TrainSettings) -> None:
        """The oracle compares with the teacher, token by token: both need the same tokenizer."""
        trained = {*train.distill.trainable, *train.finetune.trainable}
        if self.selection == "oracle" and "tokenizer" in trained:
            raise ValueError(
                "selection: 'oracle' needs the teacher's own tokenizer, which may not train: "
                "take it out of `train.distill.trainable` and `train.finetune.trainable`"
            )


@dataclass(frozen=True)
class Gated(Compressed):
    """SuperTokens and kept tokens.

    Attributes:
        supertokens_BC: the SuperToken of each token; -1 if it is kept.
        count: SuperTokens that there are.
        logit_BC: of π.
        places_B: places taken.
    """

    supertokens_BC: Tensor
    count: int
    logit_BC: Tensor
    places_B: Tensor

    @property
    def num_supertokens(self) -> int:
        """Without the places of kept tokens."""
        return self.count

    def supertoken_BC(self) -> Tensor:
        """See `Compressed`."""
        return self.supertokens_BC

    def gate_BC(self) -> Tensor:
        """π."""
        return self.logit_BC.sigmoid()

    def entered_B(self) -> Tensor:
        """Kept tokens, and SuperTokens that have any: others do not enter."""
        return self.places_B

    def activity(self) -> dict[str, Tensor]:
        """`kept_tokens` and the mean of π (`gate_mean`) too."""
        return {
            **super().activity(),
            "kept_tokens": (self.supertokens_BC < 0).sum(1).double(),
            "gate_mean": self.gate_BC().mean(1).double(),
        }


class FoundryGate(Foundry):
    """`foundry`, with a gate in front."""

    Settings: ClassVar[type[FoundryGateSettings]] = FoundryGateSettings
    settings: FoundryGateSettings

    def __init__(self, teacher: Teacher, settings: FoundryGateSettings) -> None:
        super().__init__(teacher, settings)
        self.gate = Gate(self.width, weight_decay=settings.gate_weight_decay)
        self.budget = settings.budget
        self.least_budget = settings.supertokens
        self._oracle: _Oracle | None = None

    def settle(self, teacher: Teacher) -> None:
        """Keeps what the oracle needs, if it is asked for."""
        super().settle(teacher)
        if self.settings.selection == "oracle":
            self._oracle = _Oracle(self, teacher)

    def penalty(self, made: Reconstruction, lesson: Lesson) -> Tensor | None:
        """The gate's loss: -λ Σ π, or how far its order is from that of the errors."""
        others = super().penalty(made, lesson)
        assert isinstance(made.compressed, Gated)
        own = self._own_loss(made.compressed, lesson)
        return own if others is None else others if own is None else own + others

    def _own_loss(self, gated: Gated, lesson: Lesson) -> Tensor | None:
        settings = self.settings
        if settings.gate_learns == "error":
            return _error_loss(gated, lesson.errors_BC())
        if settings.gate_lambda == 0:
            return None
        gate_BC = gated.gate_BC()
        reduced = gate_BC.mean() if settings.gate_reduction == "mean" else gate_BC.sum()
        return -settings.gate_lambda * reduced

    def _compress(self, embedding: Embedding, positions_BCD: Tensor) -> Gated:
        tokens_BCD = embedding.tokens_BCD
        # detached: the gate's own loss is to train the gate, and nothing before it
        logit_BC = self.gate(tokens_BCD.detach(), positions_BCD.detach())
        # Assigned first only where the choice needs it: noise and budgets draw from one generator.
        by_distance = self.settings.selection == "distance"
        hard_BCS = self._assign(embedding, positions_BCD) if by_distance else None
        kept_BC = self._kept(logit_BC, embedding, hard_BCS)
        merged_BC = (~kept_BC).to(logit_BC.dtype)
        differentiable = self.training and self._gate_learns_from_tokens
        if differentiable:
            merged_BC = straight_through(merged_BC, logit_BC.sigmoid())
        if hard_BCS is None:
            hard_BCS = self._assign(embedding, positions_BCD)
        supers = self._gather(hard_BCS * merged_BC.unsqueeze(-1), tokens_BCD, positions_BCD)
        in_use_BS = (hard_BCS * ~kept_BC.unsqueeze(-1)).sum(1) > 0
        mask_BP = torch.cat([in_use_BS, kept_BC], dim=1)
        tokens_BCD = tokens_BCD.to(supers.super_BSD.dtype)
        everywhere = Compressed(
            supers.assign_BCS,
            torch.cat([supers.super_BSD, tokens_BCD], dim=1),
            torch.cat([supers.positions_BSD, positions_BCD.to(supers.positions_BSD.dtype)], dim=1),
            mask_BP,
        )
        places = (_all_places if differentiable else _places_taken)(everywhere, 1 - merged_BC)
        return Gated(
            places.assign_BCS,
            places.super_BSD,
            places.positions_BSD,
            places.mask_BS,
            supertokens_BC=hard_BCS.argmax(-1).masked_fill(kept_BC, -1),
            count=hard_BCS.shape[2],
            logit_BC=logit_BC,
            places_B=mask_BP.sum(1),
        )

    @property
    def _gate_learns_from_tokens(self) -> bool:
        settings = self.settings
        return settings.gate_gradient == "straight_through" and settings.gate_learns == "merging"

    def _kept(self, logit_BC: Tensor, embedding: Embedding, hard_BCS: Tensor | None) -> Tensor:
        """True where a token enters the encoder as it is."""
        num_kept = self._num_kept(logit_BC.shape[1])
        if num_kept is None:
            return logit_BC.sigmoid() <= self.settings.gate_threshold
        if hard_BCS is not None:
            return lowest(-distance_to_mean(embedding.tokens_BCD, hard_BCS), num_kept)
        return lowest(self._score(logit_BC, embedding), num_kept)

    def _num_kept(self, num_tokens: int) -> int | None:
        """Tokens kept of each cloud; None where the threshold decides."""
        least, budget = self.settings.supertokens, self.budget
        if budget is None and self.settings.distill_budget == "random":
            budget = int(torch.randint(least, num_tokens + 1, ())) if self.training else least
        if budget is not None:
            return num_tokens if budget >= num_tokens else budget - least
        return None

    def _score(self, logit_BC: Tensor, embedding: Embedding) -> Tensor:
        """The tokens with the lowest are kept."""
        if self.settings.selection == "random":
            return hashed(embedding.centers_BC3, salt=1)
        if self.settings.selection == "oracle":
            if torch.compiler.is_exporting():
                raise FoundryError(
                    "student.selection: the oracle compares with the teacher, which no device has; "
                    "export a student with `selection: gate`"
                )
            assert self._oracle is not None, "settle() comes before the first cloud"
            return -self._oracle.errors_BC(embedding)
        return logit_BC.detach()


class PaperGateSettings(FoundryGateSettings):
    """The gate as the paper is read: it sees its own loss alone, a sum over batch and tokens."""

    name: str = "paper_gate"
    gate_lambda: float = Field(1e-11, ge=0)
    gate_reduction: Literal["mean", "sum"] = "sum"
    gate_gradient: Literal["straight_through", "none"] = "none"


class PaperGate(FoundryGate):
    """`foundry_gate` with the paper's settings."""

    Settings: ClassVar[type[PaperGateSettings]] = PaperGateSettings


class _Oracle:
    """Knows how badly each token is reconstructed when all are merged: a bound on what a gate can
    choose. Not a module, so that no optimiser and no file sees it.
    """

    def __init__(self, student: FoundryGate, teacher: Teacher) -> None:
        self._student = copy.deepcopy(student).eval().requires_grad_(False)
        self._student.budget = student.settings.supertokens
        self._student.settings = student.settings.model_copy(update={"selection": "gate"})
        self._teacher = copy.deepcopy(teacher).eval().requires_grad_(False)

    @torch.no_grad()
    def errors_BC(self, embedding: Embedding) -> Tensor:
        """Squared error of each LayerNormed token."""
        found, wanted = (
            F.layer_norm(tokens_BCD.float(), tokens_BCD.shape[-1:])
            for tokens_BCD in (self._student.tokens(embedding), self._teacher.tokens(embedding))
        )
        return (found - wanted).square().mean(-1)


@torch.no_grad()
def distance_to_mean(tokens_BCD: Tensor, assign_BCS: Tensor) -> Tensor:
    """Squared distance (B, C) of each LayerNormed token to the mean of those in its SuperToken."""
    normed_BCD = F.layer_norm(tokens_BCD.float(), tokens_BCD.shape[-1:])
    assign_BCS = assign_BCS.float()
    count_BS1 = assign_BCS.sum(1).unsqueeze(-1).clamp_min(1)
    mean_BSD = assign_BCS.transpose(1, 2) @ normed_BCD / count_BS1
    return (normed_BCD - assign_BCS @ mean_BSD).square().mean(-1)


def _all_places(places: Compressed, kept_BC: Tensor) -> Compressed:
    """`places`, whose `assign_BCS` ends with the SuperTokens, with that of each token to itself, as
    far as it is kept, after it.
    """
    return replace(
        places, assign_BCS=torch.cat([places.assign_BCS, torch.diag_embed(kept_BC)], dim=2)
    )


def _places_taken(places: Compressed, kept_BC: Tensor) -> Compressed:
    """The same, with the places taken moved to the front, and as few as the fullest cloud of the
    batch needs: a token that is not kept costs no time, and no matrix of all tokens by all tokens
    is made.
    """
    assert places.mask_BS is not None
    num_tokens, num_supers = places.assign_BCS.shape[1:]
    order_BP = (~places.mask_BS).byte().argsort(dim=1, stable=True)[:, : _fullest(places.mask_BS)]
    along_places_BPD = order_BP[..., None].expand(-1, -1, places.super_BSD.shape[-1])
    place_B1P = order_BP[:, None]
    along_tokens_BCP = place_B1P.clamp_max(num_supers - 1).expand(-1, num_tokens, -1)
    token_C1 = torch.arange(num_tokens, device=order_BP.device)[:, None]
    itself_BCP = (place_B1P - num_supers == token_C1) * kept_BC[..., None]
    merged_BCP = places.assign_BCS.gather(2, along_tokens_BCP)
    taken_BP = places.mask_BS.gather(1, order_BP)
    return Compressed(
        torch.where(place_B1P < num_supers, merged_BCP, itself_BCP.to(merged_BCP.dtype)),
        places.super_BSD.gather(1, along_places_BPD),
        places.positions_BSD.gather(1, along_places_BPD),
        None if not torch.compiler.is_exporting() and bool(taken_BP.all()) else taken_BP,
    )


def _fullest(mask_BP: Tensor) -> int:
    """Places of the fullest cloud; at least 2 in a graph, where that many are a number without a
    value, and attention over a single place would be a case of its own.
    """
    taken = mask_BP.sum(1).max()
    if not torch.compiler.is_exporting():
        return int(taken)
    most = cast(int, taken.clamp_min(2).item())
    torch._check(most >= 2)
    torch._check(most <= mask_BP.shape[1])
    return most


def _error_loss(gated: Gated, errors_BC: Tensor) -> Tensor | None:
    """Of the gate's logits to minus the log of the errors, centred, over the merged tokens.

    Kept tokens say nothing: their error is that of a token which was kept.
    """
    merged_BC = gated.supertokens_BC >= 0
    if not bool(merged_BC.any()):
        return None
    logs = errors_BC.clamp_min(ERROR_FLOOR).log()
    centred = logs - logs[merged_BC].mean()
    return F.smooth_l1_loss(gated.logit_BC[merged_BC], -centred[merged_BC])
