"""What a trial does: tokens of fixed views -> distillation -> one evaluation per task.

`plan_trial` says it as stages; the store runs each of them once, whichever trial comes first.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from foundry_bench.config.settings import NamedSettings
from foundry_bench.config.sweep import TrialConfig
from foundry_bench.data.dataset import Dataset
from foundry_bench.data.loader import loader_of
from foundry_bench.geometry.patches import PatchSpec
from foundry_bench.models.backbone import Backbone
from foundry_bench.registries import STUDENTS, TASKS
from foundry_bench.seeds import seeded
from foundry_bench.stage import Stage, StageContext, StageResult
from foundry_bench.students.student import Student
from foundry_bench.tasks.task import Task, TaskData, Training
from foundry_bench.teachers.loading import load_weights
from foundry_bench.teachers.preset import TeacherSource, teacher_source
from foundry_bench.training.distill import Distillation, heldout_metrics, painted_clouds
from foundry_bench.training.loop import Progressing, fit
from foundry_bench.training.views import (
    CachedViews,
    Rows,
    TokenFile,
    Views,
    fixed_view,
    patch_views,
)

TOKENS_VERSION = 1
DISTILL_VERSION = 1
EVALUATE_VERSION = 1
WEIGHTS = "weights.safetensors"
ARRAYS = "arrays.npz"


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

        def run(context: StageContext) -> StageResult:
            dataset = self.loader.load(context.cache)
            student = self._student(random=False)
            student.freeze_all_but(settings.trains)
            views: Views
            if cached:
                teacher = None
                views = self._cached(context, "view")
                test: Views = self._cached(context, "test")
            else:
                teacher = self.source.build().to(self.device)
                spec = teacher.patch_spec
                views = patch_views(dataset, dataset.pool, spec, trial.train.views, self.device)
                test = patch_views(dataset, dataset.splits["test"], spec, None, self.device)
            history = fit(
                Distillation(student, teacher, views, settings),
                settings,
                seed=trial.seed,
                directory=context.directory,
                report=Progressing(context, "distill", None, settings.epochs),
            )
            painted: dict[str, Any] = painted_clouds(student, test, dataset)
            np.savez_compressed(context.directory / ARRAYS, **painted)
            metrics = {"distill_loss": history[-1]["loss"]} | heldout_metrics(
                student, teacher, test, settings.loss
            )
            save_file(student.cpu().state_dict(), context.directory / WEIGHTS)
            return StageResult(metrics, history)

        return Stage(
            "distill",
            DISTILL_VERSION,
            {
                **self._student_config(),
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

    def _evaluate(self, settings: NamedSettings, distill: list[Stage]) -> Stage:
        trial, finetune = self.trial, self.trial.train.finetune
        task: Task = TASKS.get(settings.name)(settings)
        frozen_tokenizer = trial.start != "random" and "tokenizer" not in trial.train.distill.trains
        cached = (
            trial.train.views.count != "online"
            and frozen_tokenizer
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
                else self._online_data(dataset, backbone.patch_spec, augmented=task.trains)
            )
            progress = Progressing(context, "evaluate", settings.name, finetune.epochs)
            training = (
                Training(finetune, trial.seed, context.directory, progress) if task.trains else None
            )
            result = task.evaluate(backbone, data, training)
            return StageResult(result.metrics, result.history)

        return Stage(
            "evaluate",
            EVALUATE_VERSION,
            {
                "protocol": task.protocol,
                "task": settings.model_dump(mode="json"),
                **self._student_config(),
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

    def _student_config(self) -> dict[str, object]:
        """What stages say of the student: its settings, and versions of the code they choose."""
        settings = self.trial.student
        if settings is None:
            return {"student": None}
        versions = STUDENTS.get(settings.name).versions(settings)
        return {"student": settings.model_dump(mode="json"), "versions": versions}

    def _student(self, *, random: bool) -> Student:
        """A new student; its own parts, and with `random` the teacher's too, are drawn from the
        trial's seed.
        """
        assert self.trial.student is not None
        if random:
            teacher = TeacherSource(self.source.architecture, None, "").build(self.trial.seed)
        else:
            teacher = self.source.build()
        with seeded(self.trial.seed, "init", "student"):
            student = STUDENTS.get(self.trial.student.name)(teacher, self.trial.student)  # type: ignore[arg-type]
        return student.to(self.device)

    def _backbone(self, context: StageContext) -> Backbone:
        if self.trial.student is None:
            return self.source.build().to(self.device)
        student = self._student(random=self.trial.start == "random")
        if self.trial.start == "distilled":
            load_weights(student, context.inputs["distill"] / WEIGHTS)
            student.anneal(1.0)  # a temperature is no weight: it stays where it was left
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

    def _online_data(self, dataset: Dataset, spec: PatchSpec, *, augmented: bool) -> TaskData:
        plain, test = (
            patch_views(dataset, dataset.splits[split], spec, None, self.device)
            for split in ("train", "test")
        )
        train = plain
        if augmented:
            views = self.trial.train.views
            train = patch_views(dataset, dataset.splits["train"], spec, views, self.device)
        return TaskData.from_views(dataset, train, plain, test)


def rows_of(dataset: Dataset, split: str) -> Rows:
    """Rows of a split, or of the `pool`: train, then unlabelled."""
    return dataset.pool if split == "pool" else dataset.splits[split]
