"""Example records of sweeps over many tasks, and of specialists: made up by formulas, too."""

from collections.abc import Mapping, Sequence
from typing import Any

from foundry_bench.record import StageUse
from tests.report.examples import ExampleSweep

SHIFTS = (-0.006, 0.001, 0.005)
KINDS = ("dropout_global", "jitter", "rotation", "scale")
CATEGORIES = ("chair", "lamp", "table")
SHAPES = {"name": "shapes"}
PSB = {"name": "archive", "path": "/home/someone/psb.npz"}
LPSB = {"name": "archive", "path": "/home/someone/lpsb_parts.npz"}

TASKS: list[dict[str, Any]] = [
    {"name": "classification", "label": None, "data": None},
    {"name": "classification", "label": "db69", "data": PSB},
    {"name": "few_shot", "label": "few_shot_5w10s", "data": None},
    {"name": "few_shot", "label": "few_shot_5w20s", "data": None},
    {"name": "few_shot", "label": "few_shot_10w10s", "data": None},
    {"name": "few_shot", "label": "few_shot_10w20s", "data": None},
    {"name": "part_segmentation", "label": "shapes_parts", "data": None},
    {"name": "part_segmentation", "label": "lpsb_parts", "data": LPSB},
    {"name": "retrieval", "label": None, "data": None},
    {"name": "retrieval", "label": "db69_retrieval", "data": PSB},
    {"name": "corruption", "label": None, "data": None},
    {"name": "fidelity", "label": None, "data": None},
]
"""As a trial's settings have them."""

BACKBONES: dict[str, tuple[str, float]] = {
    "foundry": ("main", 0.006),
    "teacher": ("baseline", 0.0),
    "not_distilled": ("baseline", 0.07),
    "scratch": ("baseline", 0.34),
    "no_residual": ("ablation", 0.16),
}
"""Variant -> its role, and what it has less than the teacher on an easy task."""

UNTRAINED = ("retrieval", "fidelity")


def fill_generality(
    sweep: ExampleSweep,
    *,
    severities: Sequence[int] = (),
    tasks: Sequence[Mapping[str, Any]] = TASKS,
    counts: Sequence[int] = (16,),
    clean: str = "classification",
) -> ExampleSweep:
    """Teacher, students and an ablation on all `tasks`; a task further down the list is harder.
    Corruption comes after the task `clean`.

    With `severities`, corruption has a number for each of them too. Without training, the teacher's
    numbers are one stage for all seeds.
    """
    for seed, shift in enumerate(SHIFTS):
        for variant, (role, less) in BACKBONES.items():
            is_teacher = variant == "teacher"
            for count in counts if role == "main" else counts[-1:]:
                gap = less + (0.01 * (counts[-1] - count) / count)
                name = f"{variant}-{count}"
                uses = []
                for step, task in enumerate(tasks):
                    label = str(task["label"] or task["name"])
                    is_shared = is_teacher and task["name"] in UNTRAINED
                    wobble = 0.0 if is_shared else shift + gap * SHIFTS[(seed + step) % 3]
                    if role == "main":
                        wobble += SHIFTS[(seed + step + 1) % 3] / 4
                    metrics = _metrics(task["name"], step, gap, wobble, severities)
                    key = f"{label}-{name}-{'shared' if is_shared else seed}"
                    inputs = {"finetuned": f"{clean}-{name}-{seed}"}
                    inputs = inputs if task["name"] == "corruption" else {}
                    uses.append(
                        sweep.stage(
                            key, "evaluate", task=label, seed=seed, metrics=metrics, inputs=inputs
                        )
                    )
                sweep.trial(
                    role,
                    variant,
                    seed,
                    None,
                    supertokens=None if is_teacher else count,
                    loss=0.02 + gap / 3 if role != "baseline" else None,
                    stages=uses,
                    student={"residual": False} if variant == "no_residual" else None,
                    config={"data": SHAPES, "tasks": list(tasks)},
                )
    return sweep


def fill_generalist(sweep: ExampleSweep) -> ExampleSweep:
    """A generalist and two specialists, each on both tasks."""
    tasks = [task for task in TASKS if task["label"] in (None, "lpsb_parts")]
    tasks = [task for task in tasks if task["name"] in ("classification", "part_segmentation")]
    off = {"classification": 0.15, "part_segmentation": 0.2}
    learners: list[tuple[str, str, str | None]] = [
        ("main", "foundry", None),
        ("baseline", "teacher", None),
        ("ablation", "specialist", "classification"),
        ("ablation", "specialist", "part_segmentation"),
    ]
    for seed, shift in enumerate(SHIFTS):
        for role, variant, learned in learners:
            uses = []
            for step, task in enumerate(tasks):
                label = str(task["label"] or task["name"])
                gap = BACKBONES["foundry"][1] if variant == "foundry" else 0.0
                if learned is not None:
                    gap = 0.003 if learned == task["name"] else off[learned]
                metrics = _metrics(task["name"], step, gap, shift * (1 + gap), ())
                uses.append(
                    _evaluate(sweep, f"{label}-{variant}-{learned}-{seed}", label, seed, metrics)
                )
            student = {"name": variant, **({"task": learned} if learned else {})}
            sweep.trial(
                role,
                variant,
                seed,
                None,
                supertokens=None if variant == "teacher" else 16,
                stages=uses,
                student=None if variant == "teacher" else student,
                varies={"student": student} if learned else {},
                config={"data": SHAPES, "tasks": tasks},
                tag=f"-{learned}" if learned else "",
            )
    return sweep


def _evaluate(
    sweep: ExampleSweep, key: str, label: str, seed: int, metrics: dict[str, float]
) -> StageUse:
    return sweep.stage(key, "evaluate", task=label, seed=seed, metrics=metrics)


def _metrics(
    word: str, step: int, gap: float, shift: float, severities: Sequence[int]
) -> dict[str, float]:
    """What a task leaves; the gap widens with the task's number, the shift does not."""
    ceiling = 0.95 - 0.015 * step
    value = ceiling - gap * (1 + 0.05 * step) + shift * (1 + 3 * gap)
    if word == "classification":
        return {"accuracy": value, "train_loss": 0.3}
    if word == "few_shot":
        return {"few_shot_accuracy": value, "few_shot_std": 0.03 + gap / 10}
    if word == "part_segmentation":
        of_categories = {
            f"miou_of_{name}": value - 0.02 * index for index, name in enumerate(CATEGORIES)
        }
        return {"miou_instance": value, "miou_class": value - 0.03 - gap / 2, **of_categories}
    if word == "retrieval":
        return {"retrieval_map": value, "retrieval_top1": value + 0.04}
    if word == "corruption":
        return _corrupted(value, gap, severities)
    return {"token_cosine": 1 - gap + shift * (gap > 0), "token_cka": 1 - gap / 2}


def _corrupted(value: float, gap: float, severities: Sequence[int]) -> dict[str, float]:
    found = {
        f"corrupted_accuracy_{kind}": value - 0.03 * index * (1 + gap)
        for index, kind in enumerate(KINDS)
    }
    at_severities = {
        f"{metric}_{severity}": at_3 - 0.02 * (severity - 3)
        for metric, at_3 in found.items()
        for severity in severities
    }
    return {"corrupted_accuracy": sum(found.values()) / len(found), **found, **at_severities}
