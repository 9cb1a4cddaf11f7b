"""What the stages of a trial work with: teacher, student, clouds as they take them.

The stages themselves, and what each of them needs, are in `trial`.
"""

from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from foundry_bench.config.settings import FinetuneSettings
from foundry_bench.config.sweep import TrialConfig
from foundry_bench.data.dataset import Dataset
from foundry_bench.data.loader import loader_of
from foundry_bench.geometry.patches import PatchSpec
from foundry_bench.models.backbone import Backbone
from foundry_bench.models.heads import ClassificationHead
from foundry_bench.registries import STUDENTS
from foundry_bench.seeds import seeded
from foundry_bench.stage import StageContext
from foundry_bench.students.specialist import SpecialistSettings
from foundry_bench.students.student import Student, StudentSettings
from foundry_bench.tasks.task import TaskData
from foundry_bench.teachers.loading import load_weights
from foundry_bench.teachers.preset import TeacherSource, teacher_source
from foundry_bench.teachers.teacher import Teacher
from foundry_bench.training.views import (
    CachedViews,
    FixedViews,
    PatchViews,
    Rows,
    TokenFile,
    Views,
    fixed_view,
    patch_views,
)

WEIGHTS = "weights.safetensors"


class TrialInputs:
    """Everything that several stages of a trial need is resolved here once.

    Attributes:
        source: of the teacher.
        fingerprints: of the teacher and the data, for keys.
    """

    def __init__(self, trial: TrialConfig) -> None:
        self.trial = trial
        self.source: TeacherSource = teacher_source(trial.teacher)
        self.loader = loader_of(trial.data)
        self.device = torch.device(trial.device)
        self.fingerprints = {"teacher": self.source.fingerprint, "data": self.loader.fingerprint()}

    @property
    def distilled(self) -> StudentSettings:
        """The student as it is distilled: without what matters in evaluation alone."""
        assert isinstance(self.trial.student, StudentSettings)
        return self.trial.student.for_distillation()

    @property
    def has_teachers_tokens(self) -> bool:
        """Whether the backbone's tokens before compression are those of the teacher's tokenizer, as
        the teacher's weights have it.
        """
        trial = self.trial
        return trial.student is None or not (
            trial.start == "random"
            or self.distilled.own_tokenizer
            or (trial.start == "distilled" and "tokenizer" in trial.train.distill.trains)
        )

    @property
    def finetune(self) -> FinetuneSettings:
        """How a task that trains is to do so: a tokenizer of the student's own that was not
        distilled has random weights, and trains with the task.
        """
        settings, student = self.trial.train.finetune, self.trial.student
        is_random = isinstance(student, StudentSettings) and student.own_tokenizer
        if not is_random or self.trial.start == "distilled" or "tokenizer" in settings.trains:
            return settings
        return settings.model_copy(update={"trains": ("tokenizer", *settings.trains)})

    def student(self, settings: StudentSettings, *, random: bool) -> tuple[Student, Teacher]:
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

    def backbone(self, context: StageContext) -> Backbone:
        """What a task gets: the teacher, or the student with the weights that `start` says."""
        if self.trial.student is None:
            return self.source.build().to(self.device)
        assert isinstance(self.trial.student, StudentSettings)
        student, teacher = self.student(self.trial.student, random=self.trial.start == "random")
        if self.trial.start == "distilled":
            load_weights(student, context.inputs["distill"] / WEIGHTS)
            student.anneal(1.0)  # a temperature is no weight: it stays where it was left
        student.settle(teacher)
        return student

    def head(self, dataset: Dataset) -> nn.Module:
        """A new head for the dataset's classes, drawn from the trial's seed."""
        with seeded(self.trial.seed, "init", "head"):
            return ClassificationHead(
                self.source.architecture.width,
                len(dataset.class_names),
                dropout=self.trial.train.finetune.dropout,
            )

    def distill_views(
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
        if self._distills_on_patches:
            plain = patch_views(dataset, test_rows, spec, None, self.device)
            assert isinstance(plain, PatchViews)
            test = replace(test, patches=FixedViews((plain.patches,)))
            views = replace(views, patches=self._fixed(dataset, dataset.pool, spec))
        return views, test

    def cached_data(self, context: StageContext, dataset: Dataset) -> TaskData:
        """The training clouds come first in the pool; a task that does not train gets no augmented
        views.
        """
        plain, test = self._cached(context, "train"), self._cached(context, "test")
        if "view0" not in context.inputs:
            return TaskData.from_views(dataset, plain, plain, test)
        train = self._cached(context, "view").subset(torch.arange(len(dataset.splits["train"])))
        return TaskData.from_views(dataset, train, plain, test)

    def patch_data(self, dataset: Dataset, spec: PatchSpec, *, augmented: bool) -> TaskData:
        """For tokens that the teacher's tokenizer did not make. A tokenizer of the student's own
        that the task leaves alone sees the fixed views, as it would if its tokens were cached.
        """
        trial, rows = self.trial, dataset.splits["train"]
        plain, test = (
            patch_views(dataset, dataset.splits[split], spec, None, self.device)
            for split in ("train", "test")
        )
        train = plain
        if augmented:
            views = trial.train.views
            is_fixed = views.count != "online" and "tokenizer" not in self.finetune.trains
            train = (
                self._fixed(dataset, dataset.pool, spec).subset(torch.arange(len(rows)))
                if is_fixed
                else patch_views(dataset, rows, spec, views, self.device)
            )
        return TaskData.from_views(dataset, train, plain, test)

    @property
    def _distills_on_patches(self) -> bool:
        """Whether a tokenizer other than the teacher's is at work in distillation: the student's
        own, one that trains, or that of an expert whose fine-tuning trained it.
        """
        train = self.trial.train
        return (
            self.distilled.own_tokenizer
            or "tokenizer" in train.distill.trains
            or (
                isinstance(self.distilled, SpecialistSettings)
                and "tokenizer" in train.finetune.trains
            )
        )

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

    def _cached(self, context: StageContext, prefix: str) -> CachedViews:
        folders: list[Path] = [
            path for name, path in context.inputs.items() if name.startswith(prefix)
        ]
        return CachedViews(tuple(TokenFile(folder) for folder in folders), self.device)


def rows_of(dataset: Dataset, split: str) -> Rows:
    """Rows of a split, or of the `pool`: train, then unlabelled."""
    return dataset.pool if split == "pool" else dataset.splits[split]
