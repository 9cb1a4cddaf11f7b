"""What a trial does: tokens of fixed views -> distillation -> one evaluation per task.

`plan_trial` says it as stages; the store runs each of them once, whichever trial comes first.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from safetensors.torch import save_file

from foundry_bench.config.settings import NamedSettings
from foundry_bench.config.sweep import TrialConfig
from foundry_bench.data.dataset import Dataset
from foundry_bench.registries import STUDENTS, TASKS
from foundry_bench.stage import Stage, StageContext, StageResult
from foundry_bench.students.specialist import SpecialistSettings
from foundry_bench.students.student import Student
from foundry_bench.tasks.task import Task, Training
from foundry_bench.teachers.loading import load_weights
from foundry_bench.teachers.teacher import Teacher
from foundry_bench.training.distill import (
    Distillation,
    activity_metrics,
    gate_histogram,
    heldout_metrics,
    painted_clouds,
)
from foundry_bench.training.loop import Objective, Progressing, fit
from foundry_bench.training.specialise import Expert, LogitDistillation, agreement
from foundry_bench.training.views import TokenFile, Views, fixed_view, patch_views
from foundry_bench.trial_inputs import WEIGHTS, TrialInputs, rows_of

TOKENS_VERSION = 1
DISTILL_VERSION = 2
EVALUATE_VERSION = 2
ARRAYS = "arrays.npz"
EXPERT = "expert"


def plan_trial(trial: TrialConfig) -> list[Stage]:
    """The stages whose records the trial's numbers come from: its distillation, and an evaluation
    per task.
    """
    return _Planner(trial).stages()


def token_loss_of(line: Mapping[str, float]) -> float:
    """The loss between tokens in a line of a distillation's history, without penalties."""
    return line.get("token_loss", line["loss"])


class _Planner:
    """The stages of one trial."""

    def __init__(self, trial: TrialConfig) -> None:
        self.trial = trial
        self.inputs = TrialInputs(trial)

    def stages(self) -> list[Stage]:
        distill = [self._distill()] if self.trial.start == "distilled" else []
        return distill + [self._evaluate(task, distill) for task in self.trial.tasks]

    def _tokens(self, split: str, view: int | None) -> Stage:
        """The teacher's embeddings and tokens for one view of a split; `view` None: as they are."""
        views = self.trial.train.views

        def run(context: StageContext) -> StageResult:
            dataset = self.inputs.loader.load(context.cache)
            rows = rows_of(dataset, split)
            teacher = self.inputs.source.build().to(self.inputs.device)
            spec = teacher.patch_spec
            shown = (
                patch_views(dataset, rows, spec, None, self.inputs.device)
                if view is None
                else fixed_view(dataset, rows, spec, views, view, self.inputs.device)
            )
            TokenFile.write(context.directory, teacher, shown)
            return StageResult({"clouds": float(len(rows))})

        augmentation = (
            None if view is None else views.model_dump(mode="json", exclude={"count", "patches"})
        )
        return Stage(
            "tokens",
            TOKENS_VERSION,
            {
                "split": split,
                "view": view,
                "augmentation": augmentation,
                "threads": self.trial.threads,
                "device": self.trial.device,
            },
            run,
            fingerprints=self.inputs.fingerprints,
        )

    def _views(self) -> dict[str, Stage]:
        """One stage a fixed view of the pool."""
        count = self.trial.train.views.count
        assert isinstance(count, int)
        return {f"view{view}": self._tokens("pool", view) for view in range(count)}

    def _plain(self, *splits: str) -> dict[str, Stage]:
        """One stage a split, of the clouds as they are."""
        return {split: self._tokens(split, None) for split in splits}

    def _distill(self) -> Stage:
        trial, settings = self.trial, self.trial.train.distill
        cached = trial.train.views.count != "online"
        needs = self._views() | self._plain("test") if cached else {}
        expert = self._expert()
        if expert is not None:
            needs |= {EXPERT: expert}

        def run(context: StageContext) -> StageResult:
            dataset = self.inputs.loader.load(context.cache)
            student, teacher = self.inputs.student(self.inputs.distilled, random=False)
            own = {"tokenizer"} if self.inputs.distilled.own_tokenizer else set()
            student.freeze_all_but({*settings.trains, *own})
            views, test = self.inputs.distill_views(context, dataset, teacher.patch_spec)
            objective, measure = self._objective(context, student, teacher, views, dataset)
            history = fit(
                objective,
                settings,
                seed=trial.seed,
                directory=context.directory,
                report=Progressing(context, "distill", None, settings.epochs),
            )
            student.anneal(1.0)  # as tasks will get it, and whether or not training was resumed
            metrics = {"distill_loss": token_loss_of(history[-1])} | measure(test)
            arrays: dict[str, Any] = painted_clouds(student, test, dataset)
            arrays |= gate_histogram(student, test)
            np.savez_compressed(context.directory / ARRAYS, **arrays)
            save_file(student.cpu().state_dict(), context.directory / WEIGHTS)
            return StageResult(metrics, history)

        return Stage(
            "distill",
            DISTILL_VERSION,
            {
                **self._student_config(self.inputs.distilled),
                "distill": settings.model_dump(mode="json"),
                "views": trial.train.views.model_dump(mode="json"),
                "threads": trial.threads,
                "device": trial.device,
            },
            run,
            needs=needs,
            fingerprints=self.inputs.fingerprints,
            seed=trial.seed,
        )

    def _objective(
        self,
        context: StageContext,
        student: Student,
        teacher: Teacher,
        views: Views,
        dataset: Dataset,
    ) -> tuple[Objective[Any], Callable[[Views], dict[str, float]]]:
        """What is trained, and what measures it on held-out clouds afterwards."""
        settings = self.trial.train.distill
        if EXPERT not in context.inputs:
            objective = Distillation(student, teacher, views, settings)
            return objective, partial(heldout_metrics, student, teacher, loss=settings.loss)
        inputs, specialist = self.inputs, self.inputs.distilled
        assert isinstance(specialist, SpecialistSettings)
        expert = Expert(inputs.source.build(), inputs.head(dataset)).to(inputs.device)
        load_weights(expert, context.inputs[EXPERT] / WEIGHTS)
        expert.eval().requires_grad_(False)
        head = inputs.head(dataset).to(inputs.device)
        learning = LogitDistillation(student, head, expert, views, specialist.temperature)
        return learning, lambda test: {
            **heldout_metrics(student, teacher, test, settings.loss),
            "heldout_agreement": agreement(learning.pupil, expert, test),
        }

    def _expert(self) -> Stage | None:
        """The teacher fine-tuned on the task whose answers a specialist learns: what the teacher
        itself is evaluated by, so that a sweep with both computes it once.
        """
        if not isinstance(self.inputs.distilled, SpecialistSettings):
            return None
        name = self.inputs.distilled.task
        own = (task for task in self.trial.tasks if task.name == name)
        task = next(own, None) or TASKS.get(name).Settings(name=name)
        alone = self.trial.model_copy(update={"student": None, "start": "teacher"})
        return _Planner(alone)._evaluate(task, [])

    def _evaluate(self, settings: NamedSettings, distill: list[Stage]) -> Stage:
        trial, finetune = self.trial, self.inputs.finetune
        task: Task = TASKS.get(settings.name)(settings)
        cached = (
            trial.train.views.count != "online"
            and self.inputs.has_teachers_tokens
            and not (task.trains and "tokenizer" in finetune.trains)
        )
        needs: dict[str, Stage] = {stage.kind: stage for stage in distill}
        if cached:
            needs |= self._plain("train", "test") | (self._views() if task.trains else {})

        def run(context: StageContext) -> StageResult:
            dataset = self.inputs.loader.load(context.cache)
            backbone = self.inputs.backbone(context)
            data = (
                self.inputs.cached_data(context, dataset)
                if cached
                else self.inputs.patch_data(dataset, backbone.patch_spec, augmented=task.trains)
            )
            progress = Progressing(context, "evaluate", settings.name, finetune.epochs)
            training = (
                Training(finetune, trial.seed, context.directory, progress) if task.trains else None
            )
            result = task.evaluate(backbone, data, training)
            metrics = dict(result.metrics)
            if isinstance(backbone, Student):
                metrics |= activity_metrics(backbone, data.test)
            else:
                metrics["encoder_tokens"] = float(backbone.patch_spec.patches)
            if trial.student is None and result.head is not None:
                expert = Expert(backbone, result.head).cpu()
                save_file(expert.state_dict(), context.directory / WEIGHTS)
            return StageResult(metrics, result.history)

        return Stage(
            "evaluate",
            EVALUATE_VERSION,
            {
                "protocol": task.protocol,
                "task": settings.model_dump(mode="json"),
                **self._student_config(trial.student),
                "start": trial.start,
                "finetune": finetune.model_dump(mode="json") if task.trains else None,
                "views": trial.train.views.model_dump(mode="json") if task.trains else None,
                "threads": trial.threads,
                "device": trial.device,
            },
            run,
            needs=needs,
            fingerprints=self.inputs.fingerprints,
            seed=trial.seed if task.trains or trial.student is not None else None,
            task=settings.name,
        )

    def _student_config(self, settings: NamedSettings | None) -> dict[str, object]:
        """What stages say of a student: its settings, and versions of the code they choose."""
        if settings is None:
            return {"student": None}
        versions = STUDENTS.get(settings.name).versions(settings)
        return {"student": settings.model_dump(mode="json"), "versions": versions}
