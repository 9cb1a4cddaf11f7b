"""Settings of a search: which of the combinations that a sweep's axes span are to be tried."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PositiveInt, model_validator

from foundry_bench.config.settings import Seq, Settings

Direction = Literal["max", "min"]
GMACS = "gmacs"
COSTS = (GMACS, "encoder_tokens", "encoder_tokens_p95", "distill_loss", "heldout_nmse")
"""Numbers that every distilled student has, and of which less is better."""

_OBJECTIVE = r"^([a-z0-9][a-z0-9_-]*\.)?[a-z0-9_]+( (max|min))?$"
ObjectiveText = Annotated[str, Field(pattern=_OBJECTIVE)]
Number = int | float


class Objective(Settings):
    """One number that a search betters."""

    name: str
    """As in records; of one of several tasks `<label>.<name>`; `gmacs`: see `objectives`."""
    direction: Direction

    @classmethod
    def parse(cls, text: str) -> "Objective":
        """`accuracy max`; without a word, costs are to be small and all else large."""
        name, _, given = text.partition(" ")
        usual: Direction = "min" if metric_of(name) in COSTS else "max"
        direction: Direction = "max" if given == "max" else "min" if given == "min" else usual
        return cls(name=name, direction=direction)

    def __str__(self) -> str:
        return f"{self.name} {self.direction}"


def metric_of(name: str) -> str:
    """The metric in `<label>.<metric>`."""
    return name.rpartition(".")[2]


class Range(Settings):
    """Numbers that a search chooses from; of a field of whole numbers, whole ones."""

    low: Number
    high: Number
    """The largest one, included."""
    log: bool = False
    """Whether each order of magnitude is as likely as the next."""
    step: Number | None = None
    """From one number to the next, from `low` on; null: 1 of whole numbers, else none."""

    @model_validator(mode="after")
    def _has_numbers(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"high: must be above low, {self.low}, not {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"low: must be above 0 with `log: true`, not {self.low}")
        if self.step is None:
            return self
        if self.log:
            raise ValueError("step: does not go with `log: true`; leave one of them out")
        if self.step <= 0:
            raise ValueError(f"step: must be above 0, not {self.step}")
        steps = (self.high - self.low) / self.step
        if abs(steps - round(steps)) > 1e-8:
            raise ValueError(f"step: {self.step} does not lead from {self.low} to {self.high}")
        return self


def _read(value: object) -> object:
    """A mapping can only be a range; so its faults are told, and not those of a list too."""
    return Range.model_validate(value) if isinstance(value, Mapping) else value


Axis = Annotated[list[Any] | Range, BeforeValidator(_read)]


class SearchSettings(Settings):
    """Instead of all combinations of the axes, those that promise to better an objective.

    Lists are choices without order; `{low: 1e-4, high: 1e-2, log: true}` is a range.
    """

    algorithm: Literal["optuna"] = "optuna"
    objective: ObjectiveText | Annotated[Seq[ObjectiveText], Field(min_length=1)]
    """A metric of the records, or `gmacs`, with `max` or `min` behind it where it is not plain; of
    several, `[accuracy max, gmacs min]`, the front is searched.
    """
    trials: PositiveInt
    """Suggestions, all different; each runs with all seeds, and their mean counts."""
    sampler: Literal["tpe", "nsga2", "random"] = "tpe"
    scheduler: Literal["asha", "median", "none"] = "none"
    """What stops a suggestion whose distillation loss falls behind that of others."""
    concurrent: PositiveInt = 4
    """Suggestions that may be at work together: each is made from the results of all that came
    this many before, and of no other, so that they do not depend on who was faster.
    """
    seed: int = Field(0, ge=0, lt=2**32)
    """Of the sampler; not of the trials."""

    @property
    def objectives(self) -> list[Objective]:
        """One or more."""
        given = (self.objective,) if isinstance(self.objective, str) else self.objective
        return [Objective.parse(text) for text in given]

    @model_validator(mode="before")
    @classmethod
    def _has_no_pruner(cls, values: object) -> object:
        if isinstance(values, Mapping) and "pruner" in values:
            raise ValueError(
                "pruner: one of Optuna cannot stop a trial that runs on Ray, so it would do "
                "nothing; give `scheduler: asha` or `scheduler: median` instead"
            )
        return values

    @model_validator(mode="after")
    def _objectives_fit(self) -> Self:
        names = [objective.name for objective in self.objectives]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"objective: '{twice}' is given twice")
        if len(names) > 1 and self.scheduler != "none":
            raise ValueError(
                f"scheduler: '{self.scheduler}' stops by one number, and there are {len(names)} "
                "objectives; set it to none, or give one objective"
            )
        return self


def is_search_metric(name: str, known: set[str]) -> bool:
    """Whether records may hold `name`: a known metric, or a part or a variety of one, such as
    `accuracy_at_budget_8` or `voted_accuracy`.
    """
    return any(re.fullmatch(rf"(\w+_)?{re.escape(each)}(_\w+)?", name) for each in known)
