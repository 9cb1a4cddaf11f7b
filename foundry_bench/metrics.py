"""Metric specifications: unit, direction and label of each number in a record."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Literal

from pydantic import BaseModel, ConfigDict

Direction = Literal["higher", "lower", "none"]

SHARE = "share"
"""Unit of numbers from 0 to 1 that figures show in percent."""


class MetricSpec(BaseModel):
    """What one metric is called, its unit, and which direction is better.

    Attributes:
        label: plain words, without the unit.
        unit: empty for a number without a unit; `share` for 0 to 1 (shown in percent).
        direction: `higher` or `lower` is better; `none` if the number ranks nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    label: str
    unit: str = ""
    direction: Direction = "none"


MetricSpecs = Mapping[str, MetricSpec]


def share(label: str) -> MetricSpec:
    """A share from 0 to 1, higher is better."""
    return MetricSpec(label=label, unit=SHARE, direction="higher")


TRAINING: MetricSpecs = {
    "train_loss": MetricSpec(label="training loss", direction="lower"),
}
"""Metrics of any stage that trains."""

ACTIVITY: MetricSpecs = {
    "encoder_tokens": MetricSpec(
        label="tokens that enter the encoder", unit="tokens", direction="lower"
    ),
    "encoder_tokens_p95": MetricSpec(
        label="tokens that enter the encoder, 95th percentile", unit="tokens", direction="lower"
    ),
    "kept_tokens": MetricSpec(label="kept tokens", unit="tokens"),
    "supertokens_in_use": MetricSpec(label="SuperTokens in use", unit="tokens"),
    "assignment_entropy": MetricSpec(label="entropy of the assignment", unit="nats"),
    "gate_mean": MetricSpec(label="mean gate probability"),
}
"""Metrics of a student's compression, measured after distillation and by every task."""

DISTILLATION: MetricSpecs = {
    "distill_loss": MetricSpec(label="distillation loss", direction="lower"),
    "heldout_nmse": MetricSpec(label="held-out 1 \N{MINUS SIGN} R²", direction="lower"),
    "heldout_agreement": share("held-out agreement with the teacher"),
    "compiled": MetricSpec(label="whether the training step was compiled"),
    **ACTIVITY,
}
"""Metrics of the distillation stage."""

_PREFIXES = {
    "literature_": "{} (epoch chosen on test)",
    "voted_": "voted {}",
    "val_": "validation {}",
}
_AT_BUDGET = "_at_budget_"


def find_spec(metric: str, declared: MetricSpecs) -> MetricSpec | None:
    """The specification of `metric`; None if nothing in `declared` covers it.

    A declared name may hold one `*`, whose text replaces `{}` in the label. The derived names
    `literature_X`, `voted_X`, `val_X` and `X_at_budget_N` have unit and direction of `X`.
    """
    if metric in declared:
        return declared[metric]
    base, found, budget = metric.partition(_AT_BUDGET)
    if found and (spec := find_spec(base, declared)):
        return spec.model_copy(update={"label": f"{spec.label} at budget {budget}"})
    for prefix, label in _PREFIXES.items():
        if metric.startswith(prefix) and (spec := find_spec(metric[len(prefix) :], declared)):
            return spec.model_copy(update={"label": label.format(spec.label)})
    for pattern in sorted(declared, key=len, reverse=True):
        if "*" in pattern and fnmatchcase(metric, pattern):
            start, _, end = pattern.partition("*")
            text = metric[len(start) : len(metric) - len(end)].replace("_", " ")
            spec = declared[pattern]
            return spec.model_copy(update={"label": spec.label.format(text)})
    return None


def match_specs(metrics: Iterable[str], declared: MetricSpecs) -> dict[str, MetricSpec]:
    """The specification of each of `metrics` that `declared` covers, without patterns."""
    found = {metric: find_spec(metric, declared) for metric in metrics}
    return {metric: spec for metric, spec in found.items() if spec is not None}
