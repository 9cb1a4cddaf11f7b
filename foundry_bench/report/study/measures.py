"""What a number is called and in which unit it is shown.

Of a task's numbers one is its headline result (of part segmentation two, as papers report both): it
has a column in the results table and a place in figures. *Further* results have columns only, and
all else is detail: in `rows.csv`, and in tables of their own.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

DAGGER = "\N{DAGGER}"
"""Stands behind the name of a number whose epoch was chosen on the test set."""


@dataclass(frozen=True)
class Measure:
    """A metric of a stage as figures and tables show it.

    Attributes:
        task: the task it belongs to, as records label it; empty for distillation.
        label: what an axis says, without the unit.
        short: what a table's head says.
        unit: empty where the number has none.
        scale: shown value = recorded value x scale.
        digits: decimals in tables.
        is_trained: whether the task trains the backbone that it measures.
        word: the task's word in the registry; a label may be another.
        name: the metric alone, without the task.
        is_further: whether it is another number of a task that has a headline.
    """

    metric: str
    label: str
    short: str
    task: str = ""
    unit: str = ""
    scale: float = 1.0
    digits: int = 1
    is_trained: bool = True
    word: str = ""
    name: str = ""
    is_further: bool = False

    @property
    def axis(self) -> str:
        """Label with unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    @property
    def slug(self) -> str:
        """A file name for it: the metric, with the task where several could have it."""
        if self.task == self.word:
            return self.metric
        own = own_label(self.task, self.word)
        return f"{self.metric}_{own}" if own != self.task else f"{self.task}_{self.metric}"

    @property
    def is_chosen_on_test(self) -> bool:
        """Whether the test set chose its epoch: marked wherever it shows."""
        return self.metric.startswith(LITERATURE)

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

LITERATURE = "literature_"
"""Begins the metrics whose epoch was chosen on the test set, as part of the literature does."""

FEW_SHOT_STD, CORRUPTED, CATEGORY = "few_shot_std", "corrupted_accuracy_", "miou_of_"
"""Details: the spread over folds, and what begins accuracies by corruption and mIoU by category."""


@dataclass(frozen=True)
class _Kind:
    """A metric that answers a task, whatever the task's label; shares are shown in percent.

    Attributes:
        prefix: what stands before `name` where nothing else says the task.
        short: what a table's head says; the name if it is empty.
    """

    word: str
    name: str
    prefix: str = ""
    short: str = ""
    is_trained: bool = True
    is_share: bool = True
    is_further: bool = False


_RESULTS = {
    "accuracy": _Kind("classification", "accuracy", "classification"),
    "voted_accuracy": _Kind("classification", "voted accuracy", "classification", is_further=True),
    "literature_accuracy": _Kind("classification", "accuracy", "classification", is_further=True),
    "probe_accuracy": _Kind("probe", "accuracy", "linear-probe", "probe", is_trained=False),
    "svm_accuracy": _Kind("svm", "accuracy", "SVM", "SVM", is_trained=False),
    "few_shot_accuracy": _Kind("few_shot", "accuracy", "few-shot", "few-shot"),
    "literature_few_shot_accuracy": _Kind(
        "few_shot", "accuracy", "few-shot", "few-shot", is_further=True
    ),
    "miou_instance": _Kind("part_segmentation", "instance mIoU"),
    "miou_class": _Kind("part_segmentation", "class mIoU"),
    "literature_miou_instance": _Kind("part_segmentation", "instance mIoU", is_further=True),
    "retrieval_map": _Kind("retrieval", "mAP", "retrieval", is_trained=False),
    "retrieval_top1": _Kind(
        "retrieval", "top-1", "retrieval", "retrieval top-1", is_trained=False, is_further=True
    ),
    "corrupted_accuracy": _Kind("corruption", "accuracy", "corrupted-cloud", "corrupted"),
    "token_cosine": _Kind(
        "fidelity", "cosine", "token", "token cosine", is_trained=False, is_share=False
    ),
    "token_cka": _Kind(
        "fidelity", "CKA", "token", "token CKA", is_trained=False, is_share=False, is_further=True
    ),
}
"""Metrics that answer a task, the preferred one first."""

RESULTS = tuple(_RESULTS)
"""Their names."""

_DETAILS = (FEW_SHOT_STD, CORRUPTED, CATEGORY)

_WORDS = list(dict.fromkeys(kind.word for kind in _RESULTS.values()))


def find_measures(pairs: Iterable[tuple[str, str]]) -> list[Measure]:
    """The measures of results among pairs of (task, metric), in the order figures prefer them: by
    kind of task, the task that goes by its own word first, then its headline.
    """
    metrics = list(_RESULTS)
    found = sorted(
        {pair for pair in pairs if pair[1] in _RESULTS},
        key=lambda pair: (
            _WORDS.index(_RESULTS[pair[1]].word),
            pair[0] != _RESULTS[pair[1]].word,
            _in_order(pair[0]),
            metrics.index(pair[1]),
        ),
    )
    return [_result(task, metric) for task, metric in found]


def find_details(pairs: Iterable[tuple[str, str]]) -> list[Measure]:
    """The details among pairs of (task, metric), by task and metric."""
    found = {pair for pair in pairs if pair[1].startswith(_DETAILS)}
    return [
        _detail(task, metric)
        for task, metric in sorted(found, key=lambda pair: (_in_order(pair[0]), pair[1]))
    ]


def own_label(task: str, word: str) -> str:
    """What a task's label says beside the task's word: `5w10s` of `few_shot_5w10s`; empty if
    nothing.
    """
    return "" if task == word else task.removeprefix(f"{word}_")


def _in_order(task: str) -> list[tuple[int, str]]:
    """A sorting key with numbers by their size."""
    parts = re.findall(r"\d+|\D+", task)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _result(task: str, metric: str) -> Measure:
    kind = _RESULTS[metric]
    own = own_label(task, kind.word).replace("_", " ")
    short = kind.short or kind.name
    if own:
        is_part = task.startswith(f"{kind.word}_")
        short = f"{short} {own}" if is_part else f"{own} {short}"
    prefix = "" if own and own.endswith(kind.prefix) else kind.prefix
    label = " ".join(filter(None, (own, prefix, kind.name)))
    is_literature = metric.startswith(LITERATURE)
    return Measure(
        metric,
        f"{label} (epoch chosen on test)" if is_literature else label,
        f"{short}{DAGGER}" if is_literature else short,
        task,
        "%" if kind.is_share else "",
        100.0 if kind.is_share else 1.0,
        1 if kind.is_share else 3,
        kind.is_trained,
        kind.word,
        f"{kind.name}{DAGGER}" if is_literature else kind.name,
        kind.is_further,
    )


def _detail(task: str, metric: str) -> Measure:
    words = {
        FEW_SHOT_STD: ("few_shot", "standard deviation over folds"),
        CORRUPTED: ("corruption", metric.removeprefix(CORRUPTED).replace("_", " ")),
        CATEGORY: ("part_segmentation", metric.removeprefix(CATEGORY).replace("_", " ")),
    }
    word, name = next(said for start, said in words.items() if metric.startswith(start))
    own = own_label(task, word).replace("_", " ")
    label = " ".join(filter(None, (own, name)))
    return Measure(metric, label, label, task, "%", 100.0, word=word, name=name)
