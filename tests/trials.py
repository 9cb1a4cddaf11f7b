"""A tiny trial, its stages, and what they leave."""

from pathlib import Path
from typing import Any

from foundry_bench.config.sweep import TrialConfig
from foundry_bench.record import Record
from foundry_bench.stage import Stage
from foundry_bench.store import Store
from foundry_bench.trial import plan_trial

TIMES = {"wall_s", "clouds_per_s"}
ONLINE = {"train.views.count": "online"}
TEACHER = {"student": None, "init": "teacher"}
SCRATCH = {"init": "random"}
NOT_DISTILLED = {"init": "teacher"}
LIGHT: dict[str, Any] = {
    "student": {"name": "light_tokenizer", "supertokens": 4, "tokenizer": {"points": 4}}
}


def trial_config(files: Path, changes: dict[str, Any] | None = None) -> TrialConfig:
    """A tiny trial, with values at dotted paths changed."""
    values: dict[str, Any] = {
        "sweep": "tiny",
        "variant": "foundry",
        "init": "distilled",
        "teacher": {"preset": str(files / "tiny.yaml"), "weights": "random"},
        "student": {"name": "foundry", "supertokens": 4, "assignment": {"name": "dso_pos"}},
        "data": {"name": "archive", "path": str(files / "tiny.npz")},
        "tasks": ["classification", "probe"],
        "seed": 0,
        "train": {
            "views": {"count": 2},
            "distill": {"epochs": 2, "batch": 8, "trainable": ["encoder"]},
            "finetune": {"epochs": 2, "batch": 8, "trainable": ["encoder"]},
        },
    }
    for path, value in (changes or {}).items():
        *parents, last = path.split(".")
        place = values
        for name in parents:
            place = place.setdefault(name, {})
        place[last] = value
    return TrialConfig.model_validate(values)


def planned(files: Path, changes: dict[str, Any] | None = None) -> dict[str, Stage]:
    """The leaf stages, by kind or task."""
    stages = plan_trial(trial_config(files, changes))
    return {stage.task or stage.kind: stage for stage in stages}


def keys(files: Path, changes: dict[str, Any] | None = None) -> dict[str, str]:
    return {name: stage.key for name, stage in planned(files, changes).items()}


def tokens(stage: Stage) -> dict[str, str]:
    return {name: need.key for name, need in stage.needs.items() if need.kind == "tokens"}


def run(
    files: Path, store: Path, changes: dict[str, Any] | None = None
) -> tuple[dict[str, Record], Store]:
    made = Store(store)
    stages = planned(files, changes)
    ignore = lambda progress: None  # noqa: E731
    return {name: made.get_or_run(stage, ignore).record for name, stage in stages.items()}, made


def numbers(records: dict[str, Record]) -> list[Any]:
    """All that two runs must agree in."""
    return [
        (
            name,
            record.key,
            record.metrics,
            [
                {key: value for key, value in line.items() if key not in TIMES}
                for line in record.history
            ],
        )
        for name, record in records.items()
    ]
