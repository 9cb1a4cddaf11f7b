"""Example sweeps whose backbones have been profiled: costs by a formula, no measurement."""

from collections.abc import Mapping
from typing import Any

from tests.report.examples import ExampleSweep

ARCHITECTURE = {"name": "point_jepa", "points": 512, "patches": 32}


def profile(
    sweep: ExampleSweep,
    student: Mapping[str, Any] | None,
    metrics: Mapping[str, float],
    *,
    key: str,
    inputs: Mapping[str, str] | None = None,
    device: str = "Example CPU",
    **config: Any,
) -> None:
    """Leave a record of `profile` of a student, None: the teacher."""
    sweep.stage(
        f"profile-{key}",
        "profile",
        task="latency" if "batch" in config else "flops",
        config={
            "teacher": ARCHITECTURE,
            "student": None if student is None else dict(student),
            **config,
        },
        inputs=dict(inputs or {}),
        metrics=dict(metrics),
        device={"kind": "cpu", "name": device, "cores": 2, "threads": 1},
    )


def fill_costs(sweep: ExampleSweep, *, latency: bool = True) -> ExampleSweep:
    """Three students and an ablation, with results that seeds leave no doubt about but one: s = 4,
    its ablation differ by chance. MACs are 10 and 1 a SuperToken, in millions; so are milliseconds.
    """
    for seed, shift in enumerate((-0.004, 0.0, 0.004)):
        for count, accuracy in ((1, 0.70), (4, 0.80), (16, 0.90)):
            sweep.trial("main", "foundry", seed, accuracy + shift, supertokens=count, loss=0.1)
        sweep.trial(
            "ablation",
            "soft",
            seed,
            0.80 - 3 * shift,
            supertokens=8,
            student={"assignment": {"name": "soft"}},
        )
        sweep.trial("baseline", "teacher", seed, 0.95 + shift, varies={})
    students: list[tuple[int, str]] = [(1, "dso_pos"), (4, "dso_pos"), (16, "dso_pos"), (8, "soft")]
    for count, assignment in students:
        settings = {
            "name": "foundry",
            "supertokens": count,
            "assignment": {"name": assignment},
            "residual": True,
        }
        counts = {
            "macs": (10 + count) * 1e6 + 5e5,
            "macs_head": 5e5,
            "weight_bytes_fp32": 2.0**20 * (3 if assignment == "soft" else 2),
        }
        profile(sweep, settings, counts, key=f"count-{count}")
        if latency:
            profile(
                sweep,
                settings,
                {"latency_ms_median": 10.0 + count},
                key=f"time-{count}",
                batch=1,
                mode="eager",
                precision="fp32",
                threads=1,
            )
    profile(sweep, None, {"macs": 60e6, "weight_bytes_fp32": 2.0**21}, key="count-teacher")
    return sweep
