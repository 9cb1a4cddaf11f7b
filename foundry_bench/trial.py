"""What a trial does: tokens of fixed views -> distillation -> one evaluation per task.

`plan_trial` says it as stages; the store runs each of them once, whichever trial comes first.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np
from safetensors.torch import save_file
from torch import nn

from foundry_bench.config.settings import NamedSettings
from foundry_bench.config.sweep import TrialConfig
from foundry_bench.config.tasks import TaskSettings, TrainedTaskSettings
from foundry_bench.data.dataset import Dataset
from foundry_bench.metrics import ACTIVITY, DISTILLATION, TRAINING, match_specs
from foundry_bench.models.backbone import Backbone
from foundry_bench.precision import resolved
from foundry_bench.registries import STUDENTS, TASKS
from foundry_bench.seeds import seeded
from foundry_bench.stage import Stage, StageContext, StageResult
from foundry_bench.students.specialist import SpecialistSettings
from foundry_bench.students.student import Student
from foundry_bench.tasks.task import Task, TaskData, Training
from foundry_bench.teachers.loading import load_weights
from foundry_bench.teachers.teacher import Teacher
from foundry_bench.training.compiling import compile_if_equal
from foundry_bench.training.distill import (
    Distillation,
    activity_metrics,
    gate_histogram,
    heldout_metrics,
    painted_clouds,
)
from foundry_bench.training.lessons import Lessons
from foundry_bench.training.loop import Objective, Progressing, fit
from foundry_bench.training.specialise import Expert, LogitDistillation, Questions, agreement
from foundry_bench.training.views import Views
from foundry_bench.trial_inputs import WEIGHTS, TrialInputs
from foundry_bench.turns import shared

DISTILL_VERSION = 2
EVALUATE_VERSION = 2
ARRAYS = "arrays.npz"
FINETUNED_TEACHER, FINETUNED = "finetuned_teacher", "finetuned"
ELSEWHERE = {"label", "preset", "data", "views", "finetune"}
"""Fields of a task that its stage's key has in other places, or that decide no number."""


def plan_trial(trial: TrialConfig) -> list[Stage]:
    """The stages whose records the trial's numbers come from: its distillation, and an evaluation
    per task.
    """
    return _Planner(trial).stages()


def token_loss_of(line: Mapping[str, float]) -> float:
    """The loss between tokens in a line of a distillation's history, without penalties."""
    return line.get("token_loss", line["loss"])


class _Material(NamedTuple):
    """What a distillation works with, beside its student."""

    dataset: Dataset
    views: Views
    lessons: Lessons
    test: Views


class _Planner:
    """The stages of one trial."""

    def __init__(self, trial: TrialConfig) -> None:
        self.trial = resolved(trial)
        self.inputs = TrialInputs(self.trial)

    def stages(self) -> list[Stage]:
        distill = [self._distill()] if self.trial.init == "distilled" else []
        return distill + [self._evaluate(task, distill) for task in self.trial.tasks]

    def _distill(self) -> Stage:
        trial, settings = self.trial, self.trial.train.distill
        clouds = self.inputs.clouds
        needs: dict[str, Stage] = {}
        if clouds.has_fixed_views:
            needs = clouds.augmented_tokens() | clouds.plain_tokens("test")
        expert = self._expert()
        if expert is not None:
            needs |= {FINETUNED_TEACHER: expert}
        together = None if expert or clouds.has_fixed_views else self._together()

        def run(context: StageContext) -> StageResult:
            student, teacher = self.inputs.student(self.inputs.distilled, random=False)
            own = {"tokenizer"} if self.inputs.distilled.own_tokenizer else set()
            student.freeze_all_but({*settings.trainable, *own})

            def material() -> _Material:
                dataset = clouds.load(context)
                on_patches = self.inputs.distills_on_patches
                views, test = clouds.distill_views(context, dataset, on_patches=on_patches)
                lessons = Lessons(
                    views, teacher, on_patches=on_patches, precision=settings.precision
                )
                return _Material(dataset, views, lessons, test)

            dataset, views, lessons, test = shared(together, material) if together else material()
            objective, measure = self._objective(context, student, teacher, views, lessons, dataset)
            told: dict[str, float] = {}
            if trial.train.compile and isinstance(objective, Distillation):
                is_compiled = compile_if_equal(
                    objective, student, lessons, settings, seed=trial.seed
                )
                told["compiled"] = float(is_compiled)
            history = fit(
                objective,
                settings,
                seed=trial.seed,
                directory=context.scratch,
                report=Progressing(context, "distill", None, settings.epochs),
            )
            student.anneal(1.0)  # as tasks will get it, and whether or not training was resumed
            metrics = {"distill_loss": token_loss_of(history[-1])} | measure(test) | told
            arrays: dict[str, Any] = painted_clouds(student, test, dataset)
            arrays |= gate_histogram(student, test)
            np.savez_compressed(context.directory / ARRAYS, **arrays)
            save_file(student.cpu().state_dict(), context.directory / WEIGHTS)
            specs = match_specs(metrics, DISTILLATION)
            return StageResult(metrics, history, metric_specs=specs)

        return Stage(
            "distill",
            DISTILL_VERSION,
            {
                **self._student_config(self.inputs.distilled),
                "distill": settings.model_dump(mode="json"),
                # in bfloat16 the teacher once computed in float32
                **({"lessons": 2} if settings.precision == "bfloat16" else {}),
                **self._drop_path_config(),
                **({"compile": True} if trial.train.compile else {}),
                "views": trial.train.views.model_dump(mode="json"),
                "threads": trial.threads,
                "device": trial.device,
            },
            run,
            needs=needs,
            fingerprints=clouds.fingerprints,
            seed=trial.seed,
            together=together,
        )

    def _together(self) -> str:
        """What students must have in common to learn from the same batches: views that are drawn
        anew each time, of the same clouds, in the same order.
        """
        trial, settings = self.trial, self.trial.train.distill
        common = {
            **self.inputs.clouds.fingerprints,
            "geometry": asdict(self.inputs.clouds.spec),
            "views": trial.train.views.model_dump(mode="json"),
            "batch": settings.batch,
            "precision": settings.precision,
            "on_patches": self.inputs.distills_on_patches,
            "seed": trial.seed,
            "threads": trial.threads,
            "device": trial.device,
        }
        return json.dumps(common, sort_keys=True)

    def _objective(
        self,
        context: StageContext,
        student: Student,
        teacher: Teacher,
        views: Views,
        lessons: Lessons,
        dataset: Dataset,
    ) -> tuple[Objective[Any], Callable[[Views], dict[str, float]]]:
        """What is trained, and what measures it on held-out clouds afterwards."""
        settings = self.trial.train.distill
        if FINETUNED_TEACHER not in context.inputs:
            objective = Distillation(student, lessons, settings)
            return objective, partial(heldout_metrics, student, teacher, loss=settings.loss)
        inputs, specialist = self.inputs, self.inputs.distilled
        assert isinstance(specialist, SpecialistSettings)
        asked = inputs.experts_task
        task: Task = TASKS.get(asked.name)(asked)
        master = inputs.source.build()
        expert = Expert(master, self._new_head(asked, master, dataset), task.answer)
        expert.to(inputs.device)
        load_weights(expert, context.inputs[FINETUNED_TEACHER] / WEIGHTS)
        expert.eval().requires_grad_(False)

        def questions(split: Literal["train", "test"], shown: Views) -> Questions[Any]:
            data = TaskData.from_views(dataset, shown, shown, shown)
            return task.questions(student, data, split)

        head = self._new_head(asked, student, dataset).to(inputs.device)
        learning = LogitDistillation(
            student, head, expert, questions("train", views), specialist.temperature
        )
        return learning, lambda test: {
            **heldout_metrics(student, teacher, test, settings.loss),
            "heldout_agreement": agreement(learning.pupil, expert, questions("test", test)),
        }

    def _expert(self) -> Stage | None:
        """The teacher fine-tuned on the task whose answers a specialist learns: what the teacher
        itself is evaluated by, so that a sweep with both computes it once (unless the task cuts its
        clouds otherwise).
        """
        if not isinstance(self.inputs.distilled, SpecialistSettings):
            return None
        alone = self.trial.model_copy(update={"student": None, "init": "teacher"})
        return _Planner(alone)._evaluate(self.inputs.experts_task, [])

    def _new_head(self, settings: TaskSettings, backbone: Backbone, dataset: Dataset) -> nn.Module:
        """A head of the task, drawn from the trial's seed."""
        task: Task = TASKS.get(settings.name)(settings)
        with seeded(self.trial.seed, "init", "head"):
            head = task.new_head(backbone, dataset, self.inputs.finetune(settings))
        assert head is not None, f"{settings.name} has a head that others can use"
        return head

    def _evaluate(self, settings: TaskSettings, distill: list[Stage]) -> Stage:
        task: Task = TASKS.get(settings.name)(settings)
        earlier = self._earlier(task, settings)
        if earlier is not None and settings.geometry is None:
            settings = settings.model_copy(update={"geometry": earlier.geometry})
        clouds = self.inputs.clouds_of(settings)
        finetune = self.inputs.finetune(earlier or settings)
        needs: dict[str, Stage] = {stage.kind: stage for stage in distill}
        tunes_tokenizer = "tokenizer" in finetune.trainable and (task.trains or earlier is not None)
        cached = clouds.has_fixed_views and self.inputs.has_teachers_tokens and not tunes_tokenizer
        if cached:
            needs |= clouds.plain_tokens("train", "test")
            needs |= clouds.augmented_tokens() if task.trains else {}
        if earlier is not None:
            needs |= {FINETUNED: self._evaluate(earlier, distill)}

        has_seed = task.trains or earlier is not None or self.trial.student is not None

        def run(context: StageContext) -> StageResult:
            dataset = clouds.load(context)
            backbone = self.inputs.backbone(context, clouds.spec)
            data = (
                clouds.cached_data(context, dataset)
                if cached
                else clouds.patch_data(
                    dataset,
                    augmented=task.trains,
                    fixed="tokenizer" not in finetune.trainable,
                )
            )
            if earlier is not None:
                head = self._new_head(earlier, backbone, dataset)
                load_weights(Expert(backbone, head), context.inputs[FINETUNED] / WEIGHTS)
                data = replace(data, head=head.to(self.inputs.device))
            if isinstance(settings, TrainedTaskSettings) and settings.takes_farthest_points:
                data = replace(data, test=clouds.farthest_test(dataset))
            return self._measure(context, task, settings, backbone, data)

        return Stage(
            "evaluate",
            EVALUATE_VERSION,
            self._evaluate_config(task, settings),
            run,
            needs=needs,
            fingerprints=clouds.fingerprints,
            seed=self.trial.seed if has_seed else None,
            task=settings.key,
        )

    def _earlier(self, task: Task, settings: TaskSettings) -> TaskSettings | None:
        """The settings of the task whose backbone and head `task` takes, if it takes any."""
        if task.after is None:
            return None
        return self.inputs.own_task(task.after, settings.data or self.trial.data)

    def _measure(
        self,
        context: StageContext,
        task: Task,
        settings: TaskSettings,
        backbone: Backbone,
        data: TaskData,
    ) -> StageResult:
        """The task's numbers; what was trained stays in the stage's folder."""
        finetune = self.inputs.finetune(settings)
        if task.compares:
            data = replace(data, teacher=self.inputs.source.build().to(self.inputs.device))
        epochs = finetune.epochs * task.num_trainings
        progress = Progressing(context, "evaluate", settings.key, epochs)
        views = self.inputs.views(settings)
        training = Training(finetune, self.trial.seed, context.scratch, progress, views)
        result = task.evaluate(backbone, data, training if task.trains else None)
        metrics = dict(result.metrics)
        if isinstance(backbone, Student):
            metrics |= activity_metrics(backbone, data.test)
        else:
            metrics["encoder_tokens"] = float(backbone.patch_spec.patches)
        if result.head is not None:
            tuned = Expert(backbone, result.head).cpu()
            save_file(tuned.state_dict(), context.directory / WEIGHTS)
        specs = match_specs(metrics, {**TRAINING, **ACTIVITY, **task.metric_specs})
        return StageResult(metrics, result.history, metric_specs=specs)

    def _evaluate_config(self, task: Task, settings: TaskSettings) -> dict[str, object]:
        """All that decides the numbers, beside clouds and earlier stages."""
        trial = self.trial
        views = self.inputs.views(settings)
        return {
            "protocol": task.protocol,
            "task": settings.model_dump(mode="json", exclude=ELSEWHERE),
            **self._student_config(trial.student),
            "init": trial.init,
            "finetune": self.inputs.finetune(settings).model_dump(mode="json")
            if task.trains
            else None,
            "views": views.model_dump(mode="json") if task.trains else None,
            "threads": trial.threads,
            "device": trial.device,
            **(self._drop_path_config() if task.trains else {}),
        }

    def _drop_path_config(self) -> dict[str, object]:
        # students and fine-tuned teachers once kept the drop path of pre-training
        return {"drop_path": 2} if self.inputs.has_drop_path else {}

    def _student_config(self, settings: NamedSettings | None) -> dict[str, object]:
        """What stages say of a student: its settings, and versions of the code they choose."""
        if settings is None:
            return {"student": None}
        versions = STUDENTS.get(settings.name).versions(settings)
        return {"student": settings.model_dump(mode="json"), "versions": versions}
