"""Example records: a sweep whose numbers are made up by a formula, clearly no measurement."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from foundry_bench.record import Record, StageUse, Status, TrialRecord, write_json

COUNTS = (1, 2, 4, 8, 16)
SEEDS = (0, 1, 2)
EPOCHS = 6
TEACHER = {"name": "point_jepa", "preset": "tiny", "weights": "shipped"}

QUESTION = "Does the made-up accuracy rise with the number of SuperTokens?"
SWEEP_YAML = """\
name: example
question: Does the made-up accuracy rise with the number of SuperTokens?
axes:
  student.supertokens: [1, 2, 4, 8, 16]
data: {name: archive, path: /home/someone/clouds/db69.npz}
"""


class ExampleSweep:
    """Writes trials and stages below `out` in the layout of a sweep's output folder."""

    def __init__(self, out: Path, name: str = "example") -> None:
        self.out = out
        self.name = name
        self.random = np.random.default_rng(7)

    def stage(
        self, key: str, stage: str, *, task: str | None = None, seed: int = 0, **changes: Any
    ) -> StageUse:
        """Leave one stage's record; `changes` replace fields of it."""
        fields: dict[str, Any] = {
            "key": key,
            "stage": stage,
            "stage_version": 1,
            "task": task,
            "status": "done",
            "config": {},
            "inputs": {},
            "seed": seed,
            "timings": {"wall_s": 4.0 + seed},
            "device": {"kind": "cpu", "name": "Example CPU", "cores": 2, "threads": 1},
            "packages": {"torch": "2.13.0", "python": "3.11.7"},
            "commit": "0123456789abcdef0123456789abcdef01234567",
        }
        record = Record(**{**fields, **changes})
        write_json(self.out / "stages" / key / "record.json", record)
        return StageUse(stage=record.stage, task=task, key=key)

    def trial(
        self,
        role: str,
        variant: str,
        seed: int,
        accuracy: float | None,
        *,
        supertokens: int | None = None,
        loss: float | None = None,
        probe: float | None = None,
        student: dict[str, Any] | None = None,
        teacher: dict[str, Any] | None = None,
        distill: dict[str, Any] | None = None,
        activity: dict[str, float] | None = None,
        validation: Sequence[float] = (),
        at_budget: dict[int, float] | None = None,
        varies: dict[str, Any] | None = None,
        config: dict[str, Any] | None = None,
        status: Status = "done",
        error: str | None = None,
        stages: list[StageUse] | None = None,
        tag: str = "",
    ) -> TrialRecord:
        """Leave one trial with its stages; numbers left out have no stage.

        `tag` tells trials apart that vary in more than variant, SuperTokens and seed; `distill` are
        settings of distillation, `config` further parts of the trial's settings; `activity` is
        measured by every stage; `validation` by epoch and `at_budget` are of classification.
        """
        name = f"{variant}-s{supertokens}-seed{seed}{tag}"
        uses = list(stages or [])
        if loss is not None:
            history = [
                {"epoch": float(epoch), "loss": loss * (1 + 1.5 / epoch), "lr": 1e-3}
                for epoch in range(1, EPOCHS + 1)
            ]
            metrics = {
                "distill_loss": loss,
                "heldout_nmse": 2.2 * loss,
                "supertokens_in_use": 0.75 * (supertokens or 0) + 0.25,
                "encoder_tokens": float(supertokens or 0),
                **(activity or {}),
            }
            uses.append(
                self.stage(
                    f"distill-{name}", "distill", seed=seed, metrics=metrics, history=history
                )
            )
        if accuracy is not None:
            budgets = (at_budget or {}).items()
            metrics = {
                "accuracy": accuracy,
                "train_loss": 0.3,
                **{f"accuracy_at_budget_{budget}": value for budget, value in budgets},
                **(activity or {}),
            }
            history = [
                {"epoch": float(epoch), "val_accuracy": value}
                for epoch, value in enumerate(validation, 1)
            ]
            uses.append(
                self.stage(
                    f"tune-{name}",
                    "evaluate",
                    task="classification",
                    seed=seed,
                    metrics=metrics,
                    history=history,
                )
            )
        if probe is not None:
            metrics = {"probe_accuracy": probe, "probe_c": 0.01, **(activity or {})}
            uses.append(
                self.stage(f"probe-{name}", "evaluate", task="probe", seed=seed, metrics=metrics)
            )
        settings = None
        if supertokens is not None or student is not None:
            settings = {
                "name": "foundry",
                "assignment": {"name": "dso_pos"},
                "residual": True,
                **({} if supertokens is None else {"supertokens": supertokens}),
                **(student or {}),
            }
        start = {"not_distilled": "teacher", "scratch": "random"}.get(variant, "distilled")
        trial = TrialRecord(
            trial=name,
            sweep=self.name,
            role=role,  # type: ignore[arg-type]
            variant=variant,
            seed=seed,
            threads=1,
            status=status,
            error=error,
            varies=varies if varies is not None else {"student.supertokens": supertokens},
            config={
                "teacher": teacher or TEACHER,
                "student": settings,
                "init": start,
                "train": {"distill": {"loss": {"name": "smooth_l1"}, **(distill or {})}},
                **(config or {}),
            },
            stages=uses,
        )
        write_json(self.out / "trials" / name / "trial.json", trial)
        return trial

    def jitter(self, scale: float) -> float:
        """A number around 0."""
        return float(scale * self.random.normal())

    def fill(self, seeds: tuple[int, ...] = SEEDS) -> "ExampleSweep":
        """The whole sweep: five values of s, three baselines, two ablations at two values of s."""
        self.out.mkdir(parents=True, exist_ok=True)
        (self.out / "sweep.yaml").write_text(SWEEP_YAML.replace("example", self.name))
        said = {
            "schema_version": 1,
            "name": self.name,
            "question": QUESTION,
            "command": f"foundry-bench sweep sweeps/{self.name}.yaml --out /tmp/somewhere",
        }
        (self.out / "sweep.json").write_text(json.dumps(said))
        for seed in seeds:
            for step, count in enumerate(COUNTS):
                accuracy = 0.888 + 0.017 * step - 0.001 * step**2 + self.jitter(0.003)
                loss = 0.032 - 0.0035 * step + self.jitter(0.0006)
                self.trial(
                    "main",
                    "foundry",
                    seed,
                    accuracy,
                    supertokens=count,
                    loss=loss,
                    probe=accuracy - 0.05,
                )
            self.trial("baseline", "teacher", seed, 0.972 + self.jitter(0.002), probe=0.953)
            self.trial(
                "baseline",
                "not_distilled",
                seed,
                0.861 + self.jitter(0.006),
                supertokens=16,
                probe=0.66,
            )
            self.trial(
                "baseline", "scratch", seed, 0.71 + self.jitter(0.01), supertokens=16, probe=0.41
            )
            for count in (1, 16):
                step = COUNTS.index(count)
                self.trial(
                    "ablation",
                    "no_residual",
                    seed,
                    0.62 + 0.06 * step + self.jitter(0.004),
                    supertokens=count,
                    loss=0.060 - 0.008 * step + self.jitter(0.001),
                    probe=0.55 + 0.06 * step,
                    student={"residual": False},
                )
                self.trial(
                    "ablation",
                    "dso",
                    seed,
                    0.886 + 0.011 * step + self.jitter(0.004),
                    supertokens=count,
                    loss=0.034 - 0.002 * step + self.jitter(0.0006),
                    probe=0.84 + 0.01 * step,
                    student={"assignment": {"name": "dso"}},
                )
        return self

    def fill_two_difficulties(self) -> "ExampleSweep":
        """A sweep over SuperTokens and the data's difficulty, baselines at both and ablations at
        the sweep's own, which is the first.

        In the harder data accuracies are 0.3 lower and losses 0.05 higher.
        """
        for seed, shift in enumerate((-0.004, 0.0, 0.004)):
            for difficulty, drop in ((0.2, 0.0), (0.6, 0.3)):
                around = {"data.difficulty": difficulty}
                tag = f"-d{difficulty}"
                for step, count in enumerate((1, 4, 16)):
                    varies = {"student.supertokens": count, **around}
                    self.trial(
                        "main",
                        "foundry",
                        seed,
                        0.80 + 0.05 * step + shift - drop,
                        supertokens=count,
                        loss=0.03 + 0.005 * step - shift / 10 + drop / 6,
                        varies=varies,
                        tag=tag,
                    )
                self.trial("baseline", "teacher", seed, 0.95 + shift - drop, varies=around, tag=tag)
                self.trial(
                    "baseline",
                    "scratch",
                    seed,
                    0.70 + shift - drop,
                    supertokens=16,
                    varies={"student.supertokens": 16, **around},
                    tag=tag,
                )
            self.trial(
                "ablation",
                "dso",
                seed,
                0.85 + shift,
                supertokens=16,
                loss=0.05,
                varies={"student.supertokens": 16, "data.difficulty": 0.2},
            )
        return self

    def fill_deterministic_probe(self) -> "ExampleSweep":
        """A sweep of the probe alone: the teacher's is one stage for all seeds."""
        metrics = {"probe_accuracy": 0.624}
        shared = self.stage("probe-of-teacher", "evaluate", task="probe", metrics=metrics)
        for seed, shift in enumerate((-0.01, 0.0, 0.01)):
            self.trial("baseline", "teacher", seed, None, stages=[shared], varies={})
            self.trial("baseline", "scratch", seed, None, supertokens=4, probe=0.2 + shift)
            self.trial("main", "foundry", seed, None, supertokens=4, loss=0.02, probe=0.5 + shift)
        return self

    def paint(
        self,
        points_MN3: "np.ndarray[Any, Any]",
        labels_M: "np.ndarray[Any, Any]",
        classes: list[str],
    ) -> None:
        """Leave clouds beside the main students' distill stages, cut into sectors of nearest random
        centres.
        """
        for seed in SEEDS:
            for count in COUNTS:
                random = np.random.default_rng(count)
                folder = self.out / "stages" / f"distill-foundry-s{count}-seed{seed}"
                supertoken = []
                for points in points_MN3.astype(np.float64):
                    centres = points[random.choice(len(points), count, replace=False)]
                    supertoken.append(np.linalg.norm(points[:, None] - centres, axis=2).argmin(1))
                np.savez_compressed(
                    folder / "arrays.npz",
                    points_MN3=points_MN3.astype(np.float16),
                    supertoken_MN=np.array(supertoken, np.int16),
                    labels_M=labels_M.astype(np.int64),
                    class_names=np.array(classes),
                )


def simple_clouds() -> tuple["np.ndarray[Any, Any]", "np.ndarray[Any, Any]", list[str]]:
    """A ball and a ring: points_MN3, labels_M, class names."""
    random = np.random.default_rng(3)
    ball = random.normal(size=(256, 3))
    ball /= np.linalg.norm(ball, axis=1, keepdims=True)
    angle = random.uniform(0, 2 * np.pi, 256)
    ring = np.stack([np.cos(angle), random.uniform(-0.1, 0.1, 256), np.sin(angle)], 1) * 0.95
    return np.stack([ball, ring]), np.array([0, 1]), ["ball", "ring"]
