"""The distillations that the benchmarks time, by the suite's own code."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import torch

from foundry_bench.config.settings import DistillSettings, TeacherSettings, ViewSettings
from foundry_bench.data.dataset import Dataset
from foundry_bench.data.shapes_loader import Shapes, ShapesSettings
from foundry_bench.seeds import seeded
from foundry_bench.stage import StageContext
from foundry_bench.students.foundry import Foundry, FoundrySettings
from foundry_bench.teachers.preset import TeacherSource, teacher_source
from foundry_bench.teachers.teacher import Teacher
from foundry_bench.training.distill import Distillation
from foundry_bench.training.lessons import Lessons
from foundry_bench.training.loop import Progressing, fit
from foundry_bench.training.views import CachedViews, TokenFile, fixed_view, patch_views
from foundry_bench.turns import in_turns

SEED = 0
ONLINE = ViewSettings(count="online")
FIXED = ViewSettings()


@dataclass(frozen=True)
class Workload:
    """Distillation of a preset's teacher on procedural clouds.

    Attributes:
        clouds: that students are distilled on.
        changes: fields of the teacher's architecture that differ from the preset's; its weights are
            random then.
    """

    preset: str
    clouds: int
    epochs: int
    batch: int = 64
    precision: str = "float32"
    on: str = "cpu"
    changes: tuple[tuple[str, int], ...] = ()

    @property
    def device(self) -> torch.device:
        """Where all of it is."""
        return torch.device(self.on)

    @cached_property
    def source(self) -> TeacherSource:
        """The teacher's, with its own weights where they ship."""
        weights = "shipped" if self.preset == "tiny" and not self.changes else "random"
        source = teacher_source(TeacherSettings(preset=self.preset, weights=weights))
        if not self.changes:
            return source
        architecture = source.architecture.model_copy(update=dict(self.changes))
        return TeacherSource(architecture, None, "")

    @cached_property
    def dataset(self) -> Dataset:
        """The clouds."""
        return Shapes(ShapesSettings(train=self.clouds, unlabelled=0, test=40)).load(None)

    def settings(self, *, tokenizer: bool = False) -> DistillSettings:
        """The schedule; with `tokenizer` that part trains too."""
        trains = ("tokenizer", "encoder") if tokenizer else ("encoder",)
        values = {"epochs": self.epochs, "batch": self.batch, "precision": self.precision}
        return DistillSettings.model_validate({**values, "trainable": trains})

    def teacher(self) -> Teacher:
        """A new one, frozen."""
        teacher = self.source.build().to(self.device)
        teacher.freeze()
        return teacher

    def student(self, supertokens: int, settings: DistillSettings) -> Foundry:
        """A new one of the paper's kind, which trains what `settings` say."""
        with seeded(SEED, "init", "student"):
            student = Foundry(self.source.build(), FoundrySettings(supertokens=supertokens))
        student.freeze_all_but(settings.trainable)
        return student.to(self.device)

    def online(self, *, on_patches: bool) -> Lessons:
        """New views each time; with `on_patches` the student's tokenizer works beside the
        teacher's.
        """
        dataset, spec = self.dataset, self.source.architecture.patch_spec
        views = patch_views(dataset, dataset.pool, spec, ONLINE, self.device)
        teacher = self.teacher()
        return Lessons(views, teacher, on_patches=on_patches, precision=self.precision)

    def fill_cache(self, folder: Path) -> None:
        """Tokens of the fixed views, in files."""
        teacher, spec = self.teacher(), self.source.architecture.patch_spec
        for view in range(cast(int, FIXED.count)):
            shown = fixed_view(self.dataset, self.dataset.pool, spec, FIXED, view, self.device)
            (folder / str(view)).mkdir()
            TokenFile.write(folder / str(view), teacher, shown)

    def cached(self, folder: Path) -> Lessons:
        """What `fill_cache` left."""
        shards = tuple(TokenFile(folder / str(view)) for view in range(cast(int, FIXED.count)))
        return Lessons(CachedViews(shards, self.device), None)

    def distill(self, supertokens: int, lessons: Lessons, *, tokenizer: bool = False) -> None:
        """A whole training, by the loop that sweeps use."""
        settings = self.settings(tokenizer=tokenizer)
        student = self.student(supertokens, settings)
        with TemporaryDirectory() as name:
            context = StageContext(Path(name), Path(name), {}, lambda progress: None)
            fit(
                Distillation(student, lessons, settings),
                settings,
                seed=SEED,
                directory=Path(name),
                report=Progressing(context, "distill", None, settings.epochs),
            )

    def distill_side_by_side(self, sizes: Sequence[int], lessons: Lessons) -> None:
        """A training for each of `sizes`, all on the same batches, in turns."""

        def member(supertokens: int) -> Callable[[], None]:
            threads = torch.get_num_threads()

            def run() -> None:
                torch.set_num_threads(threads)  # counted by calling thread
                self.distill(supertokens, lessons)

            return run

        for result in in_turns([member(supertokens) for supertokens in sizes]):
            if isinstance(result, Exception):
                raise result
