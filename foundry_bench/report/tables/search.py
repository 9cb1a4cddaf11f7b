"""The settings that a search found, and what it stopped early."""

from collections.abc import Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from foundry_bench.record import TrialRecord
from foundry_bench.report.analysis.fronts import Front
from foundry_bench.report.records.harvest import Evidence, SweepInfo
from foundry_bench.report.sections import Extra
from foundry_bench.report.study.runs import Run
from foundry_bench.report.table import Cell, Line, Table
from foundry_bench.report.tables.costs import _cost_cell, _p_cell
from foundry_bench.report.tables.results import head, mean_cell


def is_search(info: SweepInfo) -> bool:
    """Whether the sweep's file has a `search`."""
    return bool(_sweep_file(info).get("search"))


def tabulate_search(
    evidence: Evidence, info: SweepInfo, runs: Sequence[Run], fronts: Sequence[Front]
) -> Extra | None:
    """The settings of the suggestions on each front, and what was stopped early; None for sweeps
    without a search.
    """
    if not is_search(info) or not fronts:
        return None
    paths = list(_sweep_file(info).get("axes", {}))
    trials = _first_trials(evidence, runs, fronts)
    tables = [_settings_table(front, paths, trials) for front in fronts]
    lines: list[Line] = [
        {
            "front": front.cost.slug,
            "place": front.number(point),
            **_settings(trials[point.name], paths),
            front.cost.slug: point.cost.mean,
            front.result.slug: point.result.mean,
        }
        for front in fronts
        for point in front.front
    ]
    pruned = [trial for trial in evidence.trials if trial.status == "pruned"]
    if pruned:
        tables.append(_pruned_table(pruned, paths))
        lines += [
            {"front": "stopped early", "trial": trial.trial, **_settings(trial, paths)}
            for trial in pruned
        ]
    return Extra("search", "Settings on the front", tuple(tables), tuple(lines))


def _first_trials(
    evidence: Evidence, runs: Sequence[Run], fronts: Sequence[Front]
) -> dict[str, TrialRecord]:
    """A trial of each student on a front: all of its seeds have the same settings."""
    trials = {trial.trial: trial for trial in evidence.trials}
    return {
        point.name: trials[run.trial]
        for front in fronts
        for point in front.front
        for run in runs
        if (run.role, run.series, run.level)
        == (point.group.role, point.group.setting, point.group.level)
    }


def _settings_table(front: Front, paths: Sequence[str], trials: Mapping[str, TrialRecord]) -> Table:
    rows = []
    for point in front.front:
        settings = _settings(trials[point.name], paths)
        rows.append(
            (
                Cell(str(front.number(point)), front.number(point) or 0),
                _cost_cell(point.cost, front.cost),
                mean_cell(point.result, front.result),
                *(_cell(settings[path]) for path in paths),
                _p_cell(point.p, front.number(point)),
            )
        )
    header = ("front", head(front.cost), head(front.result), *map(_short, paths), "p")
    caption = (
        f"The suggestions on the front of {front.result.label} against {front.cost.label}, and the"
        " settings that put them there. They were chosen by these numbers among"
        f" {len(front.points)}: compare them in a sweep with further seeds before you claim"
        " anything."
    )
    return Table(header, tuple(rows), caption, num_labels=0)


def _pruned_table(pruned: Sequence[TrialRecord], paths: Sequence[str]) -> Table:
    rows = [
        (Cell(trial.trial, trial.trial), *map(_cell, _settings(trial, paths).values()))
        for trial in pruned
    ]
    caption = "Trials that the scheduler stopped early: they have no result."
    return Table(("trial", *map(_short, paths)), tuple(rows), caption, num_labels=1)


def _settings(trial: TrialRecord, paths: Sequence[str]) -> dict[str, Any]:
    return {path: trial.varies.get(path, _at(trial.config, path)) for path in paths}


def _at(config: object, path: str) -> object:
    """What a trial's settings say at a dotted path; None if nothing."""
    for part in path.split("."):
        config = config.get(part) if isinstance(config, Mapping) else None
    return config


def _cell(value: Any) -> Cell:
    if isinstance(value, Mapping):
        value = value.get("name", dict(value))
    text = "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return Cell(text, float(value) if is_number else text)


def _short(path: str) -> str:
    return path.removesuffix(".name").rpartition(".")[2].replace("_", " ")


def _sweep_file(info: SweepInfo) -> Mapping[str, Any]:
    try:
        said = YAML(typ="safe", pure=True).load(info.yaml)
    except YAMLError:
        return {}
    return said if isinstance(said, Mapping) else {}
