"""Statistics -> accuracy on corrupted clouds, by kind of corruption and severity."""

import re

from foundry_bench.report.records.harvest import Evidence
from foundry_bench.report.study.measures import CORRUPTED, Measure
from foundry_bench.report.study.summary import Summary

_METRIC = re.compile(rf"{CORRUPTED}(?P<kind>.+?)(?:_(?P<severity>\d+))?")

FINETUNED = "finetuned"
"""The input of a corruption's stage that is the stage of a classification."""


def split_metric(measure: Measure) -> tuple[str, int]:
    """Kind and severity of an accuracy by corruption; 0 for the default severity."""
    found = _METRIC.fullmatch(measure.metric)
    assert found is not None
    return found["kind"], int(found["severity"] or 0)


def find_clean(evidence: Evidence) -> dict[str, str]:
    """A corruption's label -> that of the classification whose backbone and head it took, which
    saw the same clouds as they are.

    Left out where that is none of the trial's tasks, or trials differ.
    """
    found: dict[str, set[str]] = {}
    for trial in evidence.trials:
        labels = {use.key: use.task for use in trial.stages if use.stage == "evaluate"}
        for record in evidence.stages_of(trial):
            if record.task and FINETUNED in record.inputs:
                found.setdefault(record.task, set()).add(labels.get(record.inputs[FINETUNED]) or "")
    return {label: names.pop() for label, names in found.items() if len(names) == 1 and all(names)}


def find_clean_result(summary: Summary, task: str | None) -> Measure | None:
    """The accuracy of the classification `task`."""
    places = {(measure.task, measure.metric): measure for measure in summary.results}
    return places.get((task or "", "accuracy"))
