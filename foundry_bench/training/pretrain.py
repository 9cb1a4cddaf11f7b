"""Self-supervised pre-training of a teacher, from a committed recipe."""

from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from safetensors.torch import save_file
from torch import Tensor

from foundry_bench.config.registered import DataField
from foundry_bench.config.settings import OptimizerSettings, Settings, TeacherSettings, ViewSettings
from foundry_bench.data.loader import loader_of
from foundry_bench.errors import FoundryError
from foundry_bench.geometry.patches import Patches
from foundry_bench.precision import in_precision_of
from foundry_bench.registries import TEACHERS
from foundry_bench.seeds import seeded
from foundry_bench.stage import Stage, StageContext, StageResult
from foundry_bench.tasks.probe import Probe
from foundry_bench.tasks.task import TaskData
from foundry_bench.teachers.notes import notes_of
from foundry_bench.teachers.preset import teacher_source
from foundry_bench.teachers.teacher import Teacher
from foundry_bench.training.jepa import Jepa, JepaSettings
from foundry_bench.training.loop import Objective, Progressing, fit
from foundry_bench.training.mae import Mae, MaeSettings
from foundry_bench.training.views import Views, patch_views

STAGE_VERSION = 2
WEIGHTS = "weights.safetensors"


class PretrainRecipe(Settings):
    """What `foundry-bench teacher pretrain` takes."""

    teacher: TeacherSettings
    data: DataField
    objective: Annotated[JepaSettings | MaeSettings, Field(discriminator="name")]
    optimizer: OptimizerSettings
    views: ViewSettings = ViewSettings(count="online")
    seed: int = Field(0, ge=0)
    probe_every: PositiveInt = 10
    """Epochs between two linear probes on `data`."""


class Pretraining(Objective[Patches]):
    """JEPA or MAE over the clouds of `views`, with a linear probe now and then."""

    def __init__(
        self, module: Jepa | Mae, views: Views, data: TaskData, every: int, epochs: int
    ) -> None:
        self.module = self._pretrained = module
        self.num_examples = len(views)
        self._views = views
        self._data = data
        self._due = {*range(every, epochs, every), epochs}

    def batch(self, rows_B: Tensor, rng: torch.Generator) -> Patches:
        """Augmented patches."""
        inputs = self._views.draw(rows_B, rng).inputs
        assert isinstance(inputs, Patches)
        return inputs

    def loss(self, batch: Patches) -> Tensor:
        """The objective's own."""
        loss: Tensor = self._pretrained(batch)
        return loss

    def after_step(self, progress: float) -> None:
        """Moves the EMA, if there is one."""
        self._pretrained.update_target(progress)

    def after_epoch(self, epoch: int) -> dict[str, float]:
        """The probe's accuracy, when it is due."""
        if epoch not in self._due:
            return {}
        return Probe(Probe.Settings()).evaluate(self._pretrained.teacher, self._data).metrics


def pretrain_stage(recipe: PretrainRecipe, device: torch.device) -> Stage:
    """The stage that makes a teacher's weights; `weights.safetensors` in its folder holds them."""
    if not TEACHERS.get(recipe.teacher.name).pretrainable:
        raise FoundryError(
            f"teacher.name: {recipe.teacher.name} cannot be pre-trained here: its tokens attend in "
            "an order, which the objectives of pre-training do not keep. Take a file that its "
            "authors publish, or another teacher"
        )
    optimizer = in_precision_of(device.type, recipe.optimizer)
    recipe = recipe.model_copy(update={"optimizer": optimizer})
    source = teacher_source(recipe.teacher.model_copy(update={"weights": "random"}))
    loader = loader_of(recipe.data)

    def run(context: StageContext) -> StageResult:
        dataset = loader.load(context.cache)
        teacher = source.build(recipe.seed)
        module = _module(teacher, recipe).to(device)
        data = TaskData.from_patches(dataset, teacher.patch_spec, device)
        views = patch_views(dataset, dataset.pool, teacher.patch_spec, recipe.views, device)
        start = Probe(Probe.Settings()).evaluate(teacher, data).metrics["probe_accuracy"]
        epochs = recipe.optimizer.epochs
        history = fit(
            Pretraining(module, views, data, recipe.probe_every, epochs),
            recipe.optimizer,
            seed=recipe.seed,
            directory=context.scratch,
            report=Progressing(context, "pretrain", None, epochs),
        )
        save_file(
            teacher.cpu().state_dict(),
            context.directory / WEIGHTS,
            metadata=notes_of(source.architecture),
        )
        last = history[-1]
        metrics = {
            "pretrain_loss": last["loss"],
            "probe_accuracy": last["probe_accuracy"],
            "probe_accuracy_random_weights": start,
            "clouds_seen": float(len(views) * epochs),
        }
        return StageResult(metrics, history)

    config = recipe.model_dump(mode="json", exclude={"seed", "data"})
    return Stage(
        "pretrain",
        STAGE_VERSION,
        config,
        run,
        fingerprints={"teacher": source.fingerprint, "data": loader.fingerprint()},
        seed=recipe.seed,
    )


def _module(teacher: Teacher, recipe: PretrainRecipe) -> Jepa | Mae:
    with seeded(recipe.seed, "init"):
        if isinstance(recipe.objective, JepaSettings):
            return Jepa(teacher, recipe.objective)
        return Mae(teacher, recipe.objective)
