"""Statistics -> accuracy on corrupted clouds, by kind of corruption and severity."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from foundry_bench.report.backbones import Named, name_backbone
from foundry_bench.report.extra import Extra
from foundry_bench.report.figure_data import Line, spread_line
from foundry_bench.report.generality import task_text
from foundry_bench.report.harvest import Evidence
from foundry_bench.report.measures import CORRUPTED, Measure
from foundry_bench.report.stats import Interval, mean_interval
from foundry_bench.report.summary import Group, Summary
from foundry_bench.report.tables import (
    further_axes,
    label_cells,
    label_line,
    mean_cell,
    order_groups,
)
from foundry_bench.report.typeset import Table

_METRIC = re.compile(rf"{CORRUPTED}(?P<kind>.+?)(?:_(?P<severity>\d+))?")


TUNED = "tuned"
"""The input of a corruption's stage that is the stage of a classification."""


@dataclass(frozen=True)
class Damage:
    """One backbone on corrupted clouds.

    Attributes:
        drops: kind -> severity -> accuracy lost against clean clouds, paired by seed. The
            severity is 0 where a task has the default one only.
    """

    backbone: Named
    drops: Mapping[str, Mapping[int, Interval]]


@dataclass(frozen=True)
class Corruptions:
    """Backbones on the corrupted clouds of one task.

    Attributes:
        clean: the result on the same clouds as they are.
        damages: as tables list backbones.
    """

    task: str
    clean: Measure
    kinds: tuple[str, ...]
    severities: tuple[int, ...]
    damages: tuple[Damage, ...]

    @property
    def counts(self) -> list[int]:
        """Of how many seeds each number is."""
        return [
            drop.n
            for damage in self.damages
            for drops in damage.drops.values()
            for drop in drops.values()
        ]

    def lines(self) -> list[Line]:
        """A line per backbone, kind and severity."""
        return [
            {
                "role": damage.backbone.role,
                "series": damage.backbone.name,
                "kind": kind,
                "severity": severity or "default",
                "n": drop.n,
                **spread_line("drop", drop),
            }
            for damage in self.damages
            for kind, drops in damage.drops.items()
            for severity, drop in drops.items()
        ]


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
            if record.task and TUNED in record.inputs:
                found.setdefault(record.task, set()).add(labels.get(record.inputs[TUNED]) or "")
    return {label: names.pop() for label, names in found.items() if len(names) == 1 and all(names)}


def tabulate_corruptions(summary: Summary, clean_tasks: Mapping[str, str]) -> Extra | None:
    """Accuracy of each backbone by kind of corruption, at the default severity; None if there are
    no kinds. `clean_tasks`: see `find_clean`.
    """
    measures = summary.details(CORRUPTED)
    if not measures:
        return None
    tasks = list(dict.fromkeys(measure.task for measure in measures))
    tables = [
        _table(summary, [m for m in measures if m.task == task], clean_tasks) for task in tasks
    ]
    axes = further_axes(summary)
    lines: list[Line] = [
        {
            "task": measure.task,
            **label_line(group, axes),
            "kind": kind,
            "severity": severity or "default",
            "n": group.interval(measure).n,
            **spread_line("accuracy", group.interval(measure)),
        }
        for group in order_groups(summary)
        for measure in measures
        for kind, severity in [split_metric(measure)]
        if group.by_seed.get(measure)
    ]
    return Extra("corruption", "Corrupted clouds", tuple(tables), tuple(lines))


def gather_damage(summary: Summary, clean_tasks: Mapping[str, str]) -> list[Corruptions]:
    """What corruption costs each backbone, by task; without a clean result nothing is known.
    `clean_tasks`: see `find_clean`.
    """
    found = []
    measures = summary.details(CORRUPTED)
    for task in dict.fromkeys(measure.task for measure in measures):
        own = [measure for measure in measures if measure.task == task]
        clean = _clean(summary, clean_tasks.get(task))
        if clean is None:
            continue
        severities = sorted({severity for _, severity in map(split_metric, own) if severity})
        shown = [each for each in own if bool(split_metric(each)[1]) == bool(severities)]
        damages = [
            damage
            for group in order_groups(summary)
            for damage in [_damage(group, summary, clean, shown)]
            if damage.drops
        ]
        if damages:
            kinds = tuple(dict.fromkeys(split_metric(each)[0] for each in shown))
            found.append(Corruptions(task, clean, kinds, tuple(severities) or (0,), tuple(damages)))
    return found


def _damage(group: Group, summary: Summary, clean: Measure, shown: Sequence[Measure]) -> Damage:
    drops: dict[str, dict[int, Interval]] = {}
    before = group.by_seed.get(clean, {})
    for measure in shown:
        after = group.by_seed.get(measure, {})
        lost = [before[seed] - after[seed] for seed in sorted(before.keys() & after.keys())]
        if lost:
            kind, severity = split_metric(measure)
            is_constant = measure in group.constants
            drops.setdefault(kind, {})[severity] = replace(
                mean_interval(lost), is_constant=is_constant
            )
    return Damage(name_backbone(group), drops)


def _clean(summary: Summary, task: str | None) -> Measure | None:
    """The accuracy of the classification `task`."""
    places = {(measure.task, measure.metric): measure for measure in summary.results}
    return places.get((task or "", "accuracy"))


def _table(summary: Summary, measures: Sequence[Measure], clean_tasks: Mapping[str, str]) -> Table:
    task = measures[0].task
    by_kind = [measure for measure in measures if not split_metric(measure)[1]]
    mean = [each for each in summary.results if (each.task, each.metric) == (task, CORRUPTED[:-1])]
    clean = _clean(summary, clean_tasks.get(task))
    columns = [*([clean] if clean else []), *mean, *by_kind]
    heads = [*(["clean"] if clean else []), *(["all kinds"] if mean else [])]
    heads += [measure.name for measure in by_kind]
    axes = further_axes(summary)
    rows = tuple(
        (
            *label_cells(group, axes),
            *(mean_cell(group.interval(measure), measure) for measure in columns),
        )
        for group in order_groups(summary)
        if any(group.by_seed.get(measure) for measure in measures)
    )
    caption = (
        f"{task_text(measures[0]).capitalize()}: accuracy (%) on test clouds as they are and"
        " corrupted, by kind at the default severity; mean ± half the 95 % interval over seeds."
    )
    header = ("variant", "role", "s", *(axis.symbol for axis in axes), *heads)
    return Table(header, rows, caption)
