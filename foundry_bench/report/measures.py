"""What a number is called and in which unit it is shown."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """A metric of a stage as figures and tables show it.

    Attributes:
        task: the task it belongs to, empty for distillation.
        label: what an axis says, without the unit.
        short: what a table's head says.
        unit: empty where the number has none.
        scale: shown value = recorded value x scale.
        digits: decimals in tables.
        is_trained: whether the task trains the backbone that it measures.
    """

    metric: str
    label: str
    short: str
    task: str = ""
    unit: str = ""
    scale: float = 1.0
    digits: int = 1
    is_trained: bool = True

    @property
    def axis(self) -> str:
        """Label with unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    @property
    def slug(self) -> str:
        """A file name for it: the metric, with the task where several could have it."""
        usual = {"accuracy": "classification", "probe_accuracy": "probe"}.get(
            self.metric, self.task
        )
        return self.metric if self.task == usual else f"{self.task}_{self.metric}"

    def text(self, value: float, *, signed: bool = False) -> str:
        """`value` with the measure's decimals, without unit."""
        return f"{value:+.{self.digits}f}" if signed else f"{value:.{self.digits}f}"


_NMSE = "held-out 1 \N{MINUS SIGN} R²"
DISTILL_LOSS = Measure("distill_loss", "distillation loss", "distill. loss", digits=4)
HELDOUT_NMSE = Measure("heldout_nmse", _NMSE, _NMSE, digits=3)
IN_USE = Measure("supertokens_in_use", "SuperTokens in use", "in use", digits=1)
OF_DISTILLATION = (DISTILL_LOSS, HELDOUT_NMSE, IN_USE)

ENCODER_TOKENS = Measure("encoder_tokens", "tokens that enter the encoder", "encoder tokens")
ENCODER_TOKENS_P95 = Measure(
    "encoder_tokens_p95", "tokens that enter the encoder, 95th percentile", "encoder tokens, p95"
)
KEPT_TOKENS = Measure("kept_tokens", "kept tokens", "kept tokens")
ACTIVITY = (ENCODER_TOKENS, ENCODER_TOKENS_P95, KEPT_TOKENS)
"""What a backbone did on a cloud, on average: where a task saw it, else after distillation."""

AT_BUDGET = "_at_budget_"
"""`accuracy_at_budget_8`: the result of a backbone that got this budget after its training."""

_RESULTS = {"accuracy": "accuracy", "probe_accuracy": "linear-probe accuracy"}
"""Metrics that answer a task, the preferred one first; shares, shown in percent."""


def find_measures(pairs: Iterable[tuple[str, str]]) -> list[Measure]:
    """The measures of results among pairs of (task, metric), in the order figures prefer them."""
    found = sorted(
        {pair for pair in pairs if pair[1] in _RESULTS},
        key=lambda pair: (list(_RESULTS).index(pair[1]), pair),
    )
    return [_result(task, metric) for task, metric in found]


def _result(task: str, metric: str) -> Measure:
    label = _RESULTS[metric] if metric != "accuracy" else f"{task.replace('_', '-')} accuracy"
    short = {"accuracy": "accuracy", "probe_accuracy": "probe"}[metric]
    if task not in ("classification", "probe"):
        short = f"{task} {short}"
    is_trained = metric != "probe_accuracy"
    return Measure(metric, label, short, task, "%", 100.0, is_trained=is_trained)
