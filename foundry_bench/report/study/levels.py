"""The numbers of a student that vary along a line of a figure, and not between lines."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Axis:
    """One such number.

    Attributes:
        name: the field of `Level` and of the student's settings, and the column of `rows.csv`.
        symbol: what stands before a value.
        label: what a figure's axis says.
        is_count: whether it counts tokens; else it is a weight, which may be 0.
        part: the other axis that varies along with this one.
    """

    name: str
    symbol: str
    label: str
    is_count: bool = True
    part: str = ""

    def text(self, value: float) -> str:
        """A value in words, such as `s = 4`."""
        return f"{self.symbol} = {value:g}"

    def places(self, values: Iterable[float]) -> dict[float, float]:
        """Where each of `values` stands: log2 of a count, log10 of a weight.

        A weight of 0 stands a decade left of the smallest other one, or at 0 if it is alone.
        """
        distinct = sorted(set(values))
        if self.is_count:
            return {value: math.log2(max(1, value)) for value in distinct}
        found = {value: math.log10(value) for value in distinct if value > 0}
        zero = min(found.values(), default=1.0) - 1.0
        return {value: found.get(value, zero) for value in distinct}


SUPERTOKENS = Axis("supertokens", "s", "SuperTokens s")

BUDGET = Axis("budget", "budget", "token budget (most that enter the encoder)")

GATE_LAMBDA = Axis("gate_lambda", "λ", "weight λ of the gate's loss", is_count=False)

LAMBDA_TO_EPS = Axis(
    "lambda_to_eps", "λ/ε", "λ over Adam's ε", is_count=False, part=GATE_LAMBDA.name
)

AXES = (SUPERTOKENS, BUDGET, GATE_LAMBDA)
"""Those that make no series of their own."""


@dataclass(frozen=True)
class Level:
    """Where a run stands on each axis; None where it has no such number, or its series no other.

    Attributes:
        eps: Adam's ε in distillation: part of what a series is, kept to set λ in relation to it.
    """

    supertokens: int | None = None
    budget: int | None = None
    gate_lambda: float | None = None
    eps: float | None = None

    @property
    def lambda_to_eps(self) -> float | None:
        """λ over ε."""
        if self.gate_lambda is None or not self.eps:
            return None
        return float(f"{self.gate_lambda / self.eps:.6g}")

    def on(self, axis: Axis) -> float | None:
        """The place on `axis`."""
        value: float | None = getattr(self, axis.name)
        return value

    @property
    def text(self) -> str:
        """All places in words, such as `s = 4, budget = 8`; empty if there is none."""
        found = [(axis, self.on(axis)) for axis in AXES]
        return ", ".join(axis.text(value) for axis, value in found if value is not None)


def varied_fields(series: Iterable[Sequence[Level]]) -> set[str]:
    """The fields of `Level` that have several values within one series of levels.

    SuperTokens always count, and ε, which makes series, if it varies at all.
    """
    each = list(series)
    varied = {
        name
        for name in ("budget", "gate_lambda")
        if any(len({getattr(level, name) for level in levels} - {None}) > 1 for levels in each)
    }
    if len({level.eps for levels in each for level in levels} - {None}) > 1:
        varied.add("eps")
    return {"supertokens", *varied}
