"""Example records of sweeps over variants, losses, gates, budgets and teachers: made up, too."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.report.examples import ExampleSweep

LAMBDAS = (0.0, 1e-3, 1e-2, 1e-1)
KEPT = (31.0, 29.0, 20.0, 1.0)
BUDGETS = (4, 8, 16, 32)
SHIFTS = (-0.004, 0.0, 0.004)

VARIANTS = {
    "fps_student": 0.012,
    "kmeans_student": -0.03,
    "random_student": -0.05,
    "tome": 0.006,
}
"""What each has more than the main student, whatever its number of SuperTokens."""


def fill_baselines(sweep: ExampleSweep) -> ExampleSweep:
    """Variants at s = 4 and 16, a narrow student without SuperTokens, three baselines."""
    for seed, shift in enumerate(SHIFTS):
        for count, base in ((4, 0.80), (16, 0.86)):
            loss = 0.05 - count / 800
            sweep.trial("main", "foundry", seed, base + shift, supertokens=count, loss=loss)
            for step, (name, more) in enumerate(VARIANTS.items()):
                sweep.trial(
                    "ablation",
                    name,
                    seed,
                    base + more + shift * (1 - 0.1 * step),
                    supertokens=count,
                    loss=loss - more / 5,
                    student={"name": name},
                )
        whole = {"encoder_tokens": 32.0, "encoder_tokens_p95": 32.0}
        sweep.trial(
            "ablation",
            "narrow",
            seed,
            0.84 - shift,
            loss=0.05,
            student={"name": "narrow"},
            activity=whole,
        )
        _baselines(sweep, seed, shift)
    return sweep


def fill_losses(sweep: ExampleSweep) -> ExampleSweep:
    """Three losses at s = 16, with validation accuracies of their fine-tuning."""
    losses = (
        {"name": "smooth_l1", "target_norm": "layer"},
        {"name": "mse", "target_norm": "layer"},
        {"name": "mse", "target_norm": "none"},
    )
    for seed, shift in enumerate(SHIFTS):
        for step, loss in enumerate(losses):
            final = 0.86 - 0.02 * step + shift * (1 + 0.1 * step)
            sweep.trial(
                "main",
                "foundry",
                seed,
                final,
                supertokens=16,
                loss=0.03 * (1 + step),
                distill={"loss": loss},
                validation=[final - 0.3 / epoch for epoch in (1, 2, 3, 4)],
                varies={"train.distill.loss": loss},
                tag=f"-{step}",
            )
        sweep.trial("baseline", "teacher", seed, 0.92 + shift, validation=[0.8, 0.88, 0.9, 0.92])
    return sweep


def fill_gate(sweep: ExampleSweep, epsilons: tuple[float, ...] = ()) -> ExampleSweep:
    """A gate over its \u03bb, with one ablation; with `epsilons` a series for each, and none.

    The kept tokens depend on \u03bb over \u03b5 alone.
    """
    for seed, shift in enumerate(SHIFTS):
        for eps in epsilons or (None,):
            for weight, kept in zip(LAMBDAS, KEPT, strict=True):
                varies: dict[str, Any] = {"student.gate_lambda": weight}
                if eps is not None:
                    varies["train.distill.eps"] = eps
                    kept = 32 / (1 + weight / eps)
                for role, name, gradient in _gates(with_ablation=eps is None):
                    sweep.trial(
                        role,  # type: ignore[arg-type]
                        name,
                        seed,
                        0.80 + 0.004 * kept + shift,
                        supertokens=4,
                        loss=0.05 - 0.001 * kept - shift / 20,
                        student={
                            "name": "foundry_gate",
                            "gate_lambda": weight,
                            "gate_gradient": gradient,
                        },
                        distill={} if eps is None else {"eps": eps},
                        activity={
                            "encoder_tokens": 4 + kept,
                            "encoder_tokens_p95": 6 + kept,
                            "kept_tokens": kept,
                        },
                        varies=varies,
                        tag=f"-{weight}-{eps}",
                    )
        sweep.trial("baseline", "teacher", seed, 0.95 + shift, activity={"encoder_tokens": 32.0})
    return sweep


def leave_histograms(sweep: ExampleSweep) -> None:
    """Histograms beside the main students' distill stages of `fill_gate`: the larger \u03bb, the
    higher \u03c0.
    """
    bins = np.arange(20)
    for seed in range(len(SHIFTS)):
        for step, weight in enumerate(LAMBDAS):
            key = f"distill-foundry_gate-s4-seed{seed}-{weight}-None"
            counts = np.round(1000 * np.exp(-(((bins - 3 - 5 * step) / 2.5) ** 2)))
            np.savez_compressed(
                sweep.out / "stages" / key / "arrays.npz", gate_histogram=counts.astype(np.int64)
            )


def fill_budget(sweep: ExampleSweep) -> ExampleSweep:
    """One distilled gate fine-tuned at each budget, inference only, two ablations."""
    for seed, shift in enumerate(SHIFTS):
        metrics = {"distill_loss": 0.03 + shift / 20, "heldout_nmse": 0.07, "kept_tokens": 12.0}
        shared = sweep.stage(f"distill-shared-{seed}", "distill", seed=seed, metrics=metrics)
        for step, budget in enumerate(BUDGETS):
            gain = 0.04 * step - 0.006 * step**2
            below = {each: 0.70 + 0.05 * i + shift for i, each in enumerate(BUDGETS)}
            for role, name, selection, less in (
                ("main", "foundry_gate", "gate", 0.0),
                ("ablation", "random_choice", "random", 0.01),
                ("ablation", "oracle", "oracle", -0.02),
            ):
                sweep.trial(
                    role,  # type: ignore[arg-type]
                    name,
                    seed,
                    0.80 + gain - less + shift,
                    supertokens=4,
                    probe=0.75 + gain - less + shift / 2,
                    student={"name": "foundry_gate", "budget": budget, "selection": selection},
                    activity={
                        "encoder_tokens": budget - 0.5,
                        "encoder_tokens_p95": float(budget),
                        "kept_tokens": budget - 4.5,
                    },
                    at_budget=below if role == "main" and budget == BUDGETS[-1] else None,
                    varies={"student.budget": budget, "student.selection": selection},
                    stages=[shared],
                    tag=f"-b{budget}",
                )
        _baselines(sweep, seed, shift, supertokens=4)
    return sweep


def fill_teachers(sweep: ExampleSweep) -> ExampleSweep:
    """Two teachers, each with students at s = 1, 4 and 16."""
    for seed, shift in enumerate(SHIFTS):
        for name, more in (("point_jepa", 0.0), ("point_mae", -0.03)):
            teacher = {"name": name, "preset": "tiny"}
            for step, count in enumerate((1, 4, 16)):
                sweep.trial(
                    "main",
                    "foundry",
                    seed,
                    0.80 + 0.03 * step + more + shift,
                    supertokens=count,
                    loss=0.05 - 0.01 * step,
                    teacher=teacher,
                    varies={"teacher": teacher, "student.supertokens": count},
                    tag=f"-{name}",
                )
            sweep.trial(
                "baseline",
                "teacher",
                seed,
                0.93 + more + shift,
                teacher=teacher,
                varies={"teacher": teacher},
                tag=f"-{name}",
            )
    return sweep


def _gates(*, with_ablation: bool) -> Iterator[tuple[str, str, str]]:
    yield "main", "foundry_gate", "straight_through"
    if with_ablation:
        yield "ablation", "no_gradient", "none"


def _baselines(sweep: ExampleSweep, seed: int, shift: float, supertokens: int = 16) -> None:
    sweep.trial("baseline", "teacher", seed, 0.93 + shift, probe=0.9)
    sweep.trial("baseline", "not_distilled", seed, 0.78 + shift, supertokens=supertokens, probe=0.6)
    sweep.trial("baseline", "scratch", seed, 0.55 + shift, supertokens=supertokens, probe=0.4)
