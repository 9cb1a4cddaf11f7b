"""What the stages of a trial work with: teacher, student, backbone, schedule.

The stages themselves, and what each of them needs, are in `trial`; their clouds in `trial_clouds`.
"""

from functools import cached_property

import torch

from foundry_bench.config.settings import FinetuneSettings, NamedSettings, ViewSettings
from foundry_bench.config.sweep import TrialConfig
from foundry_bench.config.tasks import TaskSettings
from foundry_bench.geometry.patches import PatchSpec
from foundry_bench.models.backbone import Backbone
from foundry_bench.registries import STUDENTS, TASKS
from foundry_bench.seeds import seeded
from foundry_bench.stage import StageContext
from foundry_bench.students.specialist import SpecialistSettings
from foundry_bench.students.student import Student, StudentSettings
from foundry_bench.teachers.loading import load_weights
from foundry_bench.teachers.preset import TeacherSource, teacher_source
from foundry_bench.teachers.teacher import Teacher
from foundry_bench.trial_clouds import TrialClouds

WEIGHTS = "weights.safetensors"
PUBLISHED = {"lr_floor": 1e-6, "lr_per": "epoch", "frozen_mode": "train"}
"""What the code of Point-JEPA and Point-MAE fine-tunes with, where settings are null."""


class TrialInputs:
    """Everything that several stages of a trial need is resolved here once.

    Attributes:
        source: of the teacher.
    """

    def __init__(self, trial: TrialConfig) -> None:
        self.trial = trial
        self.source: TeacherSource = teacher_source(trial.teacher)
        self.device = torch.device(trial.device)

    @cached_property
    def clouds(self) -> TrialClouds:
        """Those that students are distilled on; who needs no more than weights needs none."""
        trial, usual = self.trial, self.source.architecture.patch_spec
        return TrialClouds(trial, self.source, trial.data, trial.train.views, usual)

    def clouds_of(self, task: TaskSettings) -> TrialClouds:
        """The clouds of a task: its own, or those that students are distilled on."""
        own = task.geometry
        spec = PatchSpec(**own.model_dump()) if own else self.source.architecture.patch_spec
        data = task.data or self.trial.data
        return TrialClouds(self.trial, self.source, data, self.views(task), spec)

    def views(self, task: TaskSettings) -> ViewSettings:
        """How a task's clouds are augmented."""
        own = getattr(task, "views", None)
        return own if isinstance(own, ViewSettings) else self.trial.train.views

    @property
    def has_drop_path(self) -> bool:
        """Whether the teacher's preset drops paths in pre-training."""
        return getattr(self.source.architecture, "drop_path", 0.0) > 0

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
            trial.init == "random"
            or self.distilled.own_tokenizer
            or (trial.init == "distilled" and "tokenizer" in trial.train.distill.trainable)
        )

    @property
    def distills_on_patches(self) -> bool:
        """Whether a tokenizer other than the teacher's is at work in distillation: the student's
        own, one that trains, or that of an expert whose fine-tuning trained it.
        """
        train = self.trial.train
        return (
            self.distilled.own_tokenizer
            or "tokenizer" in train.distill.trainable
            or (
                isinstance(self.distilled, SpecialistSettings)
                and "tokenizer" in self.finetune(self.experts_task).trainable
            )
        )

    @property
    def experts_task(self) -> TaskSettings:
        """The task whose answers a specialist learns, on clouds that are cut as students are
        distilled on them, whatever the task's own `geometry`.
        """
        assert isinstance(self.distilled, SpecialistSettings)
        task = self.own_task(self.distilled.task, self.trial.data)
        return task.model_copy(update={"geometry": None})

    def own_task(self, name: str, data: NamedSettings) -> TaskSettings:
        """The trial's settings of the task `name` on `data`, else the usual ones."""
        for task in self.trial.tasks:
            if task.name == name and (task.data or self.trial.data) == data:
                return task
        usual: TaskSettings = TASKS.get(name).Settings(name=name, data=data)
        return usual

    def finetune(self, task: TaskSettings) -> FinetuneSettings:
        """How a task is to train: under `protocol: literature` null settings are the published
        code's. A tokenizer with random weights trains with it, unless it is the head alone that
        trains, and an encoder with random weights waits for nothing.
        """
        settings = getattr(task, "finetune", None) or self.trial.train.finetune
        assert isinstance(settings, FinetuneSettings)
        if getattr(task, "protocol", None) == "literature":
            settings = _as_published(settings)
        if self.trial.init == "random":
            settings = settings.model_copy(update={"unfreeze_at": 0.0})
        trains = settings.trainable
        if trains == "head" or "tokenizer" in trains or not self._has_random_tokenizer:
            return settings
        return settings.model_copy(update={"trainable": ("tokenizer", *trains)})

    @property
    def _has_random_tokenizer(self) -> bool:
        trial, student = self.trial, self.trial.student
        if not isinstance(student, StudentSettings):
            return False
        return trial.init == "random" or (student.own_tokenizer and trial.init != "distilled")

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

    def backbone(self, context: StageContext, spec: PatchSpec) -> Backbone:
        """What a task gets: the teacher, or the student with the weights that `init` says, for
        clouds that are cut as `spec` says.
        """
        backbone = self._backbone(context)
        backbone.patch_spec = spec
        return backbone

    def _backbone(self, context: StageContext) -> Backbone:
        if self.trial.student is None:
            return self.source.build().to(self.device)
        assert isinstance(self.trial.student, StudentSettings)
        student, teacher = self.student(self.trial.student, random=self.trial.init == "random")
        if self.trial.init == "distilled":
            load_weights(student, context.inputs["distill"] / WEIGHTS)
            student.anneal(1.0)  # a temperature is no weight: it stays where it was left
        student.settle(teacher)
        return student


def _as_published(settings: FinetuneSettings) -> FinetuneSettings:
    missing = {name: value for name, value in PUBLISHED.items() if getattr(settings, name) is None}
    return settings.model_copy(update=missing)
