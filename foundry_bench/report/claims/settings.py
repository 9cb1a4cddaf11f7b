"""What a file of claims holds (`experiments/claims.yaml`)."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PositiveFloat, PositiveInt, model_validator

from foundry_bench.config.settings import Seq, Settings
from foundry_bench.report.study.measures import RESULTS

Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


def _known(metric: str) -> str:
    if metric not in RESULTS:
        raise ValueError(f"given '{metric}', expected a result of a task: {', '.join(RESULTS)}")
    return metric


Result = Annotated[str, AfterValidator(_known)]
"""A metric that answers a task."""


class CheckSettings(Settings):
    """What all checks have."""

    name: str
    student: str = "foundry"
    """The registered student that is spoken of: the sweep's main students of that name."""
    loss: str = "smooth_l1"
    """What their distillation minimised."""


class OfResults(CheckSettings):
    """A check of results of tasks."""

    results: Seq[Result] = ("accuracy",)


class Limited(OfResults):
    """A check that a number lies above, or below, a limit."""

    above: float | None = None
    below: float | None = None

    @model_validator(mode="after")
    def _one_limit(self) -> "Limited":
        if (self.above is None) == (self.below is None):
            raise ValueError("above: give either `above` or `below`")
        return self


class Trend(Limited):
    """What a doubling along an axis brings: the slope of each seed, and their mean."""

    name: Literal["trend"]
    of: Literal["distill_loss", "heldout_nmse"] | None = None
    """A number of distillation instead of `results`."""
    along: Literal["supertokens", "budget"] = "supertokens"


class Correlation(Limited):
    """Spearman's rho between distillation loss and a result, over the runs of a series."""

    name: Literal["correlation"]


class Plateau(OfResults):
    """That from `start` SuperTokens to the most there are a result gains less than `under`."""

    name: Literal["plateau"]
    start: PositiveInt = 4
    under: PositiveFloat = 1.0
    """In points."""


class NearTeacher(OfResults):
    """That a student is at most `margin` below its teacher."""

    name: Literal["near_teacher"]
    results: Seq[Result]
    supertokens: PositiveInt = 16
    margin: PositiveFloat = 1.0
    """In points."""
    margins: dict[Result, PositiveFloat] = {}
    """Of single results, where it is another."""


class Generalist(OfResults):
    """That a student is ahead of students that were distilled for another task."""

    name: Literal["generalist"]
    results: Seq[Result]


class Order(OfResults):
    """That variants with as many SuperTokens stand in this order, the best first."""

    name: Literal["order"]
    variants: Seq[str] = Field(min_length=2)
    """Variants of ablations; `student` stands for the main student itself."""


class Losses(OfResults):
    """That students of one loss are at most `margin` worse than those of the loss `against`."""

    name: Literal["losses"]
    against: str = "mse"
    margin: float = Field(0.0, ge=0)
    """In points."""


class Bottleneck(OfResults):
    """That results rise with the number of SuperTokens, with and without the residual, and that
    without it at most `margin` is lost at the largest number.
    """

    name: Literal["bottleneck"]
    margin: PositiveFloat = 1.0
    """In points."""


class CostRatio(CheckSettings):
    """That a student costs at most this share of its teacher."""

    name: Literal["cost_ratio"]
    metric: str
    """Of records of `foundry-bench profile`; latencies are compared on one device only."""
    supertokens: PositiveInt = 16
    at_most: PositiveFloat


class Fits(CheckSettings):
    """That a scene of `points` and more fits the memory."""

    name: Literal["fits"]
    points: PositiveInt
    gib: PositiveFloat


Check = Annotated[
    Trend
    | Correlation
    | Plateau
    | NearTeacher
    | Generalist
    | Order
    | Losses
    | Bottleneck
    | CostRatio
    | Fits,
    Field(discriminator="name"),
]


class TeacherScope(Settings):
    """Which teachers a claim speaks of: all that is given must be so."""

    name: str | None = None
    width: PositiveInt | None = None
    depth: PositiveInt | None = None
    heads: PositiveInt | None = None
    patches: Seq[PositiveInt] = ()
    patch_size: PositiveInt | None = None
    """Points of a patch."""


class Scope(Settings):
    """What a claim speaks of; what is left out may be anything."""

    teacher: TeacherScope | None = None
    """A teacher with random weights is never meant."""
    distilled_on: Seq[str] = ()
    data: Seq[str] = ()
    """Data sets of the task."""
    device: Literal["cpu", "cuda"] | None = None
    """Of records of `foundry-bench profile`."""


class Claim(Settings):
    """A sentence of a paper, and the check that stands for it."""

    id: Word
    sentence: str
    place: str
    """Where the paper says so, and how that is known."""
    note: str = ""
    """What the check reads into the sentence: limits that are not the paper's own."""
    scope: Scope = Scope()
    check: Check


class ClaimsFile(Settings):
    """All claims of a paper."""

    version: PositiveInt
    paper: str
    claims: Seq[Claim] = Field(min_length=1)

    @model_validator(mode="after")
    def _ids_differ(self) -> "ClaimsFile":
        ids = [claim.id for claim in self.claims]
        twice = sorted({each for each in ids if ids.count(each) > 1})
        if twice:
            raise ValueError(f"claims: two claims are called '{twice[0]}'")
        return self
