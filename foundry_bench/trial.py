"""What a trial does: tokens of fixed views -> distillation -> one evaluation per task.

`plan_trial` says it as stages; the store runs each of them once, whichever trial comes first.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from foundry_bench.config.settings import NamedSettings
from foundry_bench.config.sweep import TrialConfig
from foundry_bench.data.dataset import Dataset
from foundry_bench.data.loader import loader_of
from foundry_bench.geometry.patches import PatchSpec
from foundry_bench.models.backbone import Backbone
from foundry_bench.models.heads import ClassificationHead
from foundry_bench.registries import STUDENTS, TASKS
from foundry_bench.seeds import seeded
from foundry_bench.stage import Stage, StageContext, StageResult
from foundry_bench.students.specialist import SpecialistSettings
from foundry_bench.students.student import Student, StudentSettings
from foundry_bench.tasks.task import Task, TaskData, Training
from foundry_bench.teachers.preset import TeacherSource, load_weights, teacher_source
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
from foundry_bench.training.views import (
    Batch,
    CachedViews,
    FixedViews,
    PatchViews,
    Rows,
    TokenFile,
    Views,
    fixed_view,
    patch_views,
)

TOKENS_VERSION = 1
DISTILL_VERSION = 2
EVALUATE_VERSION = 2
WEIGHTS = "weights.safetensors"
ARRAYS = "arrays.npz"
EXPERT = "expert"


def plan_trial(trial: TrialConfig) -> list[Stage]:
    """The stages whose records the trial's numbers come from: its distillation, and an evaluation
    per task.
    """
    return _Planner(trial).stages()


class _Planner:
    """The stages of one trial; everything that several of them need is resolved here once."""

    def __init__(self, trial: TrialConfig) -> None:
        self.trial = trial
        self.source: TeacherSource = teacher_source(trial.teacher)
        self.loader = loader_of(trial.data)
        self.device = torch.device(trial.device)
        self.fingerprints = {"teacher": self.source.fingerprint, "data": self.loader.fingerprint()}

    def stages(self) -> list[Stage]:
        distill = [self._distill()] if self.trial.start == "distilled" else []
        return distill + [self._evaluate(task, distill) for task in self.trial.tasks]

    def _tokens(self, split: str, view: int | None) -> Stage:
        """The teacher's embeddings and tokens for one view of a split; `view` None: as they are."""
        views = self.trial.train.views

        def run(context: StageContext) -> StageResult:
            dataset = self.loader.load(context.cache)
            rows = rows_of(dataset, split)
            teacher = self.source.build().to(self.device)
            spec = teacher.patch_spec
            shown = (
                patch_views(dataset, rows, spec, None, self.device)
                if view is None
                else fixed_view(dataset, rows, spec, views, view, self.device)
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
            fingerprints=self.fingerprints,
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
            dataset = self.loader.load(context.cache)
            student, teacher = self._student(self.distilled, random=False)
            own = {"tokenizer"} if self.distilled.own_tokenizer else set()
            student.freeze_all_but({*settings.trains, *own})
            views, test = self._distill_views(context, dataset, teacher.patch_spec)
            objective, measure = self._objective(context, student, teacher, views, dataset)
            history = fit(
                objective,
                settings,
                seed=trial.seed,
                directory=context.directory,
                report=Progressing(context, "distill", None, settings.epochs),
            )
            metrics = {"distill_loss": history[-1]["loss"]} | measure(test)
            arrays: dict[str, Any] = painted_clouds(student, test, dataset)
            arrays |= gate_histogram(student, test)
            np.savez_compressed(context.directory / ARRAYS, **arrays)
            save_file(student.cpu().state_dict(), context.directory / WEIGHTS)
            return StageResult(metrics, history)

        return Stage(
            "distill",
            DISTILL_VERSION,
            {
                **self._student_config(self.distilled),
                "distill": settings.model_dump(mode="json"),
                "views": trial.train.views.model_dump(mode="json"),
                "threads": trial.threads,
                "device": trial.device,
            },
            run,
            needs=needs,
            fingerprints=self.fingerprints,
            seed=trial.seed,
        )

    def _objective(
        self,
        context: StageContext,
        student: Student,
        teacher: Teacher,
        views: Views,
        dataset: Dataset,
    ) -> tuple[Objective[Batch], Callable[[Views], dict[str, float]]]:
        """What is trained, and what measures it on held-out clouds afterwards."""
        settings = self.trial.train.distill
        if EXPERT not in context.inputs:
            objective = Distillation(student, teacher, views, settings)
            return objective, partial(heldout_metrics, student, teacher, loss=settings.loss)
        assert isinstance(self.distilled, SpecialistSettings)
        expert = Expert(self.source.build(), self._head(dataset)).to(self.device)
        load_weights(expert, context.inputs[EXPERT] / WEIGHTS)
        expert.eval().requires_grad_(False)
        head = self._head(dataset).to(self.device)
        learning = LogitDistillation(student, head, expert, views, self.distilled.temperature)
        return learning, lambda test: {
            **heldout_metrics(student, teacher, test, settings.loss),
            "heldout_agreement": agreement(learning.pupil, expert, test),
        }

    def _expert(self) -> Stage | None:
        """The teacher fine-tuned on the task whose answers a specialist learns: what the teacher
        itself is evaluated by, so that a sweep with both computes it once.
        """
        if not isinstance(self.distilled, SpecialistSettings):
            return None
        name = self.distilled.task
        own = (task for task in self.trial.tasks if task.name == name)
        task = next(own, None) or TASKS.get(name).Settings(name=name)
        alone = self.trial.model_copy(update={"student": None, "start": "teacher"})
        return _Planner(alone)._evaluate(task, [])

    def _head(self, dataset: Dataset) -> nn.Module:
        """A new head for the dataset's classes, drawn from the trial's seed."""
        with seeded(self.trial.seed, "init", "head"):
            return ClassificationHead(
                self.source.architecture.width,
                len(dataset.class_names),
                dropout=self.trial.train.finetune.dropout,
            )

    def _distill_views(
        self, context: StageContext, dataset: Dataset, spec: PatchSpec
    ) -> tuple[Views, Views]:
        """Clouds to distil on, and held-out ones. Cached tokens come with patches if the student
        has, or trains, a tokenizer that is not the teacher's.
        """
        trial, test_rows = self.trial, dataset.splits["test"]
        if trial.train.views.count == "online":
            views = patch_views(dataset, dataset.pool, spec, trial.train.views, self.device)
            return views, patch_views(dataset, test_rows, spec, None, self.device)
        views, test = self._cached(context, "view"), self._cached(context, "test")
        if self.distilled.own_tokenizer or "tokenizer" in trial.train.distill.trains:
            plain = patch_views(dataset, test_rows, spec, None, self.device)
            assert isinstance(plain, PatchViews)
            test = replace(test, patches=FixedViews((plain.patches,)))
            views = replace(views, patches=self._fixed(dataset, dataset.pool, spec))
        return views, test

    def _fixed(self, dataset: Dataset, rows: Rows, spec: PatchSpec) -> FixedViews:
        """Patches of the fixed views of the clouds `rows`."""
        views = self.trial.train.views
        assert isinstance(views.count, int)
        return FixedViews(
            tuple(
                fixed_view(dataset, rows, spec, views, number, self.device).patches
                for number in range(views.count)
            )
        )

    def _evaluate(self, settings: NamedSettings, distill: list[Stage]) -> Stage:
        trial, finetune = self.trial, self.trial.train.finetune
        task: Task = TASKS.get(settings.name)(settings)
        teachers_tokenizer = trial.student is None or not (
            trial.start == "random"
            or self.distilled.own_tokenizer
            or "tokenizer" in trial.train.distill.trains
        )
        cached = (
            trial.train.views.count != "online"
            and teachers_tokenizer
            and not (task.trains and "tokenizer" in finetune.trains)
        )
        needs: dict[str, Stage] = {stage.kind: stage for stage in distill}
        if cached:
            needs |= self._plain("train", "test") | (self._views() if task.trains else {})

        def run(context: StageContext) -> StageResult:
            dataset = self.loader.load(context.cache)
            backbone = self._backbone(context)
            data = (
                self._cached_data(context, dataset)
                if cached
                else self._patch_data(dataset, backbone.patch_spec, augmented=task.trains)
            )
            progress = Progressing(context, "evaluate", settings.name, finetune.epochs)
            training = (
                Training(finetune, trial.seed, context.directory, progress) if task.trains else None
            )
            result = task.evaluate(backbone, data, training)
            metrics = dict(result.metrics)
            if isinstance(backbone, Student):
                metrics |= activity_metrics(backbone, data.test)
            elif result.head is not None:
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
            fingerprints=self.fingerprints,
            seed=trial.seed if task.trains or trial.student is not None else None,
            task=settings.name,
        )

    @property
    def distilled(self) -> StudentSettings:
        """The student as it is distilled: without what matters in evaluation alone."""
        assert isinstance(self.trial.student, StudentSettings)
        return self.trial.student.for_distillation()

    def _student_config(self, settings: NamedSettings | None) -> dict[str, object]:
        """What stages say of a student: its settings, and versions of the code they choose."""
        if settings is None:
            return {"student": None}
        versions = STUDENTS.get(settings.name).versions(settings)
        return {"student": settings.model_dump(mode="json"), "versions": versions}

    def _student(self, settings: StudentSettings, *, random: bool) -> tuple[Student, Teacher]:
        """A new student and its teacher; its own parts, and with `random` the teacher's too, are
        drawn from the trial's seed.
        """
        if random:
            teacher = TeacherSource(self.source.architecture, None, "").build(self.trial.seed)
        else:
            teacher = self.source.build()
        with seeded(self.trial.seed, "init", "student"):
            student = STUDENTS.get(settings.name)(teacher, settings)
        return student.to(self.device), teacher.to(self.device)

    def _backbone(self, context: StageContext) -> Backbone:
        if self.trial.student is None:
            return self.source.build().to(self.device)
        assert isinstance(self.trial.student, StudentSettings)
        student, teacher = self._student(self.trial.student, random=self.trial.start == "random")
        if self.trial.start == "distilled":
            load_weights(student, context.inputs["distill"] / WEIGHTS)
            student.anneal(1.0)  # a temperature is no weight: it stays where it was left
        student.settle(teacher)
        return student

    def _cached(self, context: StageContext, prefix: str) -> CachedViews:
        folders: list[Path] = [
            path for name, path in context.inputs.items() if name.startswith(prefix)
        ]
        return CachedViews(tuple(TokenFile(folder) for folder in folders), self.device)

    def _cached_data(self, context: StageContext, dataset: Dataset) -> TaskData:
        """The training clouds come first in the pool; a task that does not train gets no augmented
        views.
        """
        plain, test = self._cached(context, "train"), self._cached(context, "test")
        if "view0" not in context.inputs:
            return TaskData.from_views(dataset, plain, plain, test)
        train = self._cached(context, "view").subset(torch.arange(len(dataset.splits["train"])))
        return TaskData.from_views(dataset, train, plain, test)

    def _patch_data(self, dataset: Dataset, spec: PatchSpec, *, augmented: bool) -> TaskData:
        """For tokens that the teacher's tokenizer did not make. A tokenizer that the task leaves
        alone sees the fixed views, as it would if its tokens were cached.
        """
        trial, rows = self.trial, dataset.splits["train"]
        plain, test = (
            patch_views(dataset, dataset.splits[split], spec, None, self.device)
            for split in ("train", "test")
        )
        train = plain
        if augmented:
            views = trial.train.views
            fixed = views.count != "online" and "tokenizer" not in trial.train.finetune.trains
            train = (
                self._fixed(dataset, rows, spec)
                if fixed
                else patch_views(dataset, rows, spec, views, self.device)
            )
        return TaskData.from_views(dataset, train, plain, test)


def rows_of(dataset: Dataset, split: str) -> Rows:
    """Rows of a split, or of the `pool`: train, then unlabelled."""
    return dataset.pool if split == "pool" else dataset.splits[split]
