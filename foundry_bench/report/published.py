"""What others published for the benchmarks that a sweep was measured on (`published.yaml`)."""

from collections.abc import Sequence
from typing import Literal

from pydantic import PositiveInt

from foundry_bench.config.load import load_settings
from foundry_bench.config.settings import Seq, Settings
from foundry_bench.record import TrialRecord
from foundry_bench.report.claims.settings import Result
from foundry_bench.report.records.harvest import settings_of
from foundry_bench.report.records.task_data import tasks_of
from foundry_bench.report.study.measures import Measure
from foundry_bench.resources import shipped


class PublishedModel(Settings):
    """Numbers of one model that came about in one way."""

    model: str
    teacher: str | None
    """The registered teacher whose sweeps they are shown in; null: of a family not built in."""
    protocol: str
    source: str
    results: dict[str, dict[Result, str | float]]
    """Preset of a task -> metric -> value in percent, with what its source says after ±."""


class PublishedCost(Settings):
    """What one model costs, in one number."""

    model: str
    cost: Literal["flops", "latency", "scene_memory"]
    value: float | str
    """In `unit`, or words: a range, `out of memory`."""
    unit: str
    setting: str
    """Of how many points, on what."""
    source: str


class PublishedFile(Settings):
    """All that is known to be published."""

    version: PositiveInt
    models: Seq[PublishedModel]
    costs: Seq[PublishedCost] = ()


def load_published() -> PublishedFile:
    """The numbers that ship."""
    return load_settings(shipped("experiments") / "published.yaml", PublishedFile)


def tell_published(trials: Sequence[TrialRecord], results: Sequence[Measure]) -> str:
    """What was published for `results`, marked as not measured here; empty if nothing is known.

    Only tasks of presets are benchmarks that a published number can be of, and only numbers of the
    trials' teachers are told.
    """
    teachers = {settings_of(trial.config, "teacher").get("name") for trial in trials}
    presets = {
        str(task.get("label") or task.get("name")): str(task["preset"]).partition("/")[0]
        for trial in trials
        for task in tasks_of(trial)
        if task.get("preset")
    }
    told = [
        f"{measure.label}, {each.model}: {value} % ({each.protocol}; {each.source})"
        for measure in results
        if (preset := presets.get(measure.task)) is not None
        for each in load_published().models
        if each.teacher in teachers
        and (value := each.results.get(preset, {}).get(measure.metric)) is not None
    ]
    return f" Published, not measured here: {'; '.join(told)}." if told else ""
