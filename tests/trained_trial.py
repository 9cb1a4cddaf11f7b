"""A tiny trial that ran: one student, classified and segmented."""

from pathlib import Path
from typing import Any

import numpy as np

from foundry_bench.config.sweep import TrialConfig
from foundry_bench.record import TrialRecord
from foundry_bench.store import Store
from foundry_bench.sweep.group import run_group
from foundry_bench.testing import tiny_archive, tiny_preset
from foundry_bench.trial import plan_trial


def archive_with_parts(folder: Path) -> Path:
    """The tiny archive; a flat cloud has a left and a right part, a tall one a bottom and a top."""
    with np.load(tiny_archive(folder)) as columns:
        arrays = dict(columns)
    axis, label = arrays["points"], arrays["label"][:, None]
    part = np.where(label == 0, axis[..., 0] > 0, 2 + (axis[..., 1] > 0))
    names = np.array(["left", "right", "bottom", "top"])
    path = folder / "parts.npz"
    np.savez(path, **arrays, part=part, part_names=names)
    return path


def run_trial(
    folder: Path, changes: dict[str, Any] | None = None, store: Path | None = None
) -> Path:
    """The folder of the trial, below `folder`; its store is beside it unless another is given."""
    schedule = {"epochs": 2, "batch": 8}
    values: dict[str, Any] = {
        "sweep": "tiny",
        "variant": "gate",
        "teacher": {"preset": str(tiny_preset(folder)), "weights": "random"},
        "student": {"name": "foundry_gate", "supertokens": 3, "budget": 5},
        "data": {"name": "archive", "path": str(archive_with_parts(folder)), "part": "part"},
        "tasks": [
            "classification",
            {"name": "part_segmentation", "finetune": schedule},
            "probe",
        ],
        "seed": 0,
        "train": {"views": {"count": 1}, "distill": schedule, "finetune": schedule},
    }
    trial = TrialConfig.model_validate({**values, **(changes or {})})
    out = folder / "out"
    ran: list[TrialRecord] = run_group(
        [trial], Store(store or out / "store"), out, lambda name, progress: None, plan_trial
    )
    assert [record.status for record in ran] == ["done"], ran[0].error
    return out / "trials" / ran[0].trial
