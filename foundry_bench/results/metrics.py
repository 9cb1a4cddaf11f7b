"""Metric specifications of records: as written, or from a table for records without them."""

import re
from collections.abc import Iterable

from foundry_bench.metrics import (
    ACTIVITY,
    DISTILLATION,
    SHARE,
    TRAINING,
    MetricSpec,
    MetricSpecs,
    find_spec,
    share,
)
from foundry_bench.record import Record

TASKS: dict[str, MetricSpecs] = {
    "classification": {"accuracy": share("classification accuracy")},
    "probe": {
        "probe_accuracy": share("linear-probe accuracy"),
        "probe_c": MetricSpec(label="C of the linear probe"),
    },
    "svm": {
        "svm_accuracy": share("SVM accuracy"),
        "svm_c": MetricSpec(label="C of the SVM"),
    },
    "few_shot": {
        "few_shot_accuracy": share("few-shot accuracy"),
        "few_shot_std": MetricSpec(label="standard deviation over folds", unit=SHARE),
    },
    "part_segmentation": {
        "miou_instance": share("instance mIoU"),
        "miou_class": share("class mIoU"),
        "point_accuracy": share("point accuracy"),
        "miou_of_*": share("mIoU of {}"),
    },
    "retrieval": {
        "retrieval_map": share("retrieval mAP"),
        "retrieval_top1": share("retrieval top-1"),
    },
    "corruption": {
        "corrupted_accuracy": share("corrupted-cloud accuracy"),
        "corrupted_accuracy_*": share("corrupted-cloud accuracy, {}"),
    },
    "fidelity": {
        "token_cosine": MetricSpec(label="token cosine", direction="higher"),
        "token_cka": MetricSpec(label="token CKA", direction="higher"),
    },
}
"""Task -> its metrics, in the order in which reports prefer them; for records without specs."""

EARLIER: MetricSpecs = {
    **TRAINING,
    **DISTILLATION,
    **{metric: spec for specs in TASKS.values() for metric, spec in specs.items()},
}

_DETAIL = re.compile(
    r".+_at_budget_\d+|(val|voted|literature)_.+|few_shot_std|corrupted_accuracy_.+|miou_of_.+"
)


def spec_of(record: Record, metric: str) -> MetricSpec:
    """Unit, direction and label of a metric; an unknown one has its name and no direction."""
    found = record.metric_specs.get(metric) or find_spec(metric, EARLIER)
    return found or MetricSpec(label=metric.replace("_", " "))


def scale_of(unit: str) -> tuple[float, str]:
    """Factor and unit under which figures show numbers of `unit`: shares in percent."""
    return (100.0, "%") if unit == SHARE else (1.0, unit)


def is_result(stage: str, metric: str, direction: str) -> bool:
    """Whether a metric answers a task: no activity, training loss or detail of a result."""
    return (
        stage == "evaluate"
        and direction in ("higher", "lower")
        and metric not in ACTIVITY
        and metric not in TRAINING
        and not _DETAIL.fullmatch(metric)
    )


def sort_results(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Pairs of (task, metric) as reports prefer them.

    By kind of task, the task under its registered name first, then in natural order of labels.
    Metrics that the table does not know come last.
    """
    places = {
        metric: (kind, index)
        for kind, specs in enumerate(TASKS.values())
        for index, metric in enumerate(specs)
    }

    def key(pair: tuple[str, str]) -> tuple[object, ...]:
        task, metric = pair
        kind, index = places.get(metric, (len(TASKS), 0))
        numbers = [(int(part), "") if part.isdecimal() else (-1, part) for part in _parts(task)]
        return kind, task not in TASKS, numbers, index, metric

    return sorted(set(pairs), key=key)


def _parts(text: str) -> list[str]:
    return re.findall(r"\d+|\D+", text)
