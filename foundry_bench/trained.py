"""What trials left, back from their folders: backbones, with the heads that tasks trained.

B clouds, N points.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from torch import Tensor, nn

from foundry_bench.config.sweep import TrialConfig
from foundry_bench.config.tasks import TaskSettings
from foundry_bench.data.dataset import Dataset
from foundry_bench.errors import FoundryError
from foundry_bench.geometry.patches import Patches, PatchSpec, group
from foundry_bench.models.backbone import Backbone
from foundry_bench.record import Record, StageKind, TrialRecord, read_json
from foundry_bench.registries import TASKS
from foundry_bench.registry import unknown
from foundry_bench.stage import StageContext
from foundry_bench.store import RECORD, WEIGHTS_REMOVED, Entry, Store
from foundry_bench.sweep.group import TRIAL
from foundry_bench.tasks.task import Task
from foundry_bench.teachers.loading import load_weights
from foundry_bench.training.specialise import Expert
from foundry_bench.trial_clouds import TrialClouds
from foundry_bench.trial_inputs import WEIGHTS, TrialInputs


@dataclass(frozen=True, eq=False)
class Answering:
    """What a task adds to a backbone.

    Attributes:
        label: the word that its numbers go by.
        clouds: how its clouds are cut.
        dataset: what it is asked of.
    """

    label: str
    task: Task
    head: nn.Module
    clouds: TrialClouds
    dataset: Dataset


@dataclass(frozen=True, eq=False)
class Trained:
    """A trial's backbone, with what a task added to it if one was asked for.

    Attributes:
        name: of the trial.
        records: of the stages that the weights come from, by kind.
        teacher_fingerprint: of the teacher.
        answering: None: the backbone alone.
    """

    name: str
    trial: TrialConfig
    records: Mapping[str, Record]
    teacher_fingerprint: str
    backbone: Backbone
    answering: Answering | None = None

    @property
    def head(self) -> nn.Module | None:
        """What the task trained with the backbone."""
        return None if self.answering is None else self.answering.head

    def patches(self, points_BN3: Tensor) -> Patches:
        """Clouds (in the unit sphere, up axis y) as the backbone takes them.

        Raises:
            FoundryError: if they have fewer points than it needs.
        """
        return group(points_BN3, self.backbone.patch_spec)


@dataclass(frozen=True)
class _Place:
    """A trial in the output folder `out`, and the task that was pointed at, if any."""

    out: Path
    trial: TrialRecord
    task: str | None = None


def load_trained(path: Path, task: str | None, store: Path | None, budget: int | None) -> Trained:
    """See `foundry_bench.load`."""
    place = _place(path)
    stages = Store(store or place.out / "store")
    label = task or place.task
    config = _config(place.trial, path)
    inputs = TrialInputs(config)
    records: dict[str, Record] = {}
    folders: dict[str, Path] = {}
    if config.init == "distilled":
        entry = _entry(place, stages, "distill", None)
        records["distill"], folders["distill"] = entry.record, entry.path
    settings = None if label is None else _settings(config, label)
    if settings is not None:
        entry = _entry(place, stages, "evaluate", label)
        records["evaluate"], folders["evaluate"] = entry.record, entry.path
    for record in records.values():
        _refuse_other_teacher(record, inputs)
    context = StageContext(stages.root, stages.root / "data", folders)
    spec = inputs.source.architecture.patch_spec
    if settings is not None and settings.geometry is not None:
        spec = PatchSpec(**settings.geometry.model_dump())
    backbone = inputs.backbone(context, spec)
    answering = None if settings is None else _tuned(settings, backbone, inputs, context)
    _give_budget(backbone, budget)
    return Trained(
        place.trial.trial,
        config,
        records,
        inputs.source.fingerprint,
        backbone.eval().requires_grad_(False),
        answering,
    )


def _place(path: Path) -> _Place:
    folder = (path.parent if path.is_file() else path).absolute()
    out = folder.parent.parent
    if (folder / TRIAL).is_file():
        return _Place(out, read_json(folder / TRIAL, TrialRecord))
    if not (folder / RECORD).is_file():
        raise FoundryError(
            f"{path}: there is no {TRIAL} and no {RECORD}; give the folder of a trial that ended, "
            "such as runs/<sweep>/trials/<id>, or of a stage that it used"
        )
    record = read_json(folder / RECORD, Record)
    if record.stage not in ("distill", "evaluate"):
        raise FoundryError(
            f"{path} is of a stage '{record.stage}'; expected one that leaves a backbone: distill "
            "or evaluate"
        )
    for near in (out, out.parent):
        for file in sorted(near.glob(f"trials/*/{TRIAL}")):
            trial = read_json(file, TrialRecord)
            if record.key in {use.key for use in trial.stages}:
                return _Place(near, trial, record.task)
    raise FoundryError(
        f"{path}: which trial used this stage cannot be told, since no `trials` folder beside "
        "`stages` has it; give the folder of the trial, runs/<sweep>/trials/<id>, and the store"
    )


def _config(trial: TrialRecord, path: Path) -> TrialConfig:
    try:
        config = TrialConfig.model_validate(trial.config)
    except ValidationError as error:
        message = f"{path}: this version cannot read the trial's config: {error}"
        raise FoundryError(message) from error
    return config.model_copy(update={"device": "cpu"})


def _entry(place: _Place, stages: Store, kind: StageKind, task: str | None) -> Entry:
    """The stage of that kind, or of that task, that the trial used."""
    trial = place.trial
    key = next((use.key for use in trial.stages if (use.stage, use.task) == (kind, task)), None)
    what = f"{kind} {task or ''}".strip()
    if key is None:
        raise FoundryError(f"{trial.trial} has no result of `{what}`: it ended '{trial.status}'")
    entry = stages.find(key)
    if entry is None:
        raise FoundryError(
            f"`{what}` of {trial.trial} is not in the store {stages.root}: say where the sweep "
            "kept its stages, as its --store did"
        )
    if not entry.is_whole:
        file = place.out / "trials" / trial.trial / "trial.yaml"
        raise FoundryError(
            f"the weights of `{what}` of {trial.trial} were freed, as `keep_weights` of its sweep "
            f"says ({entry.path / WEIGHTS_REMOVED}); to have them again, run the trial into "
            "another folder: "
            f"foundry-bench run {shlex.quote(str(file))} --out runs/again"
        )
    return entry


def _settings(config: TrialConfig, label: str) -> TaskSettings:
    tasks = {task.key: task for task in config.tasks}
    if label not in tasks:
        raise FoundryError(unknown("task of this trial", label, tasks))
    return tasks[label]


def _refuse_other_teacher(record: Record, inputs: TrialInputs) -> None:
    if record.inputs.get("teacher") != inputs.source.fingerprint:
        raise FoundryError(
            "the teacher is not the one that the records are of: its weights, its preset or its "
            f"code have changed since (teacher {inputs.trial.teacher.name}, preset "
            f"{inputs.trial.teacher.preset}, weights {inputs.trial.teacher.weights})"
        )


def _tuned(
    settings: TaskSettings, backbone: Backbone, inputs: TrialInputs, context: StageContext
) -> Answering:
    """The head of a task; the backbone gets the weights that the task left it with."""
    weights = context.inputs["evaluate"] / WEIGHTS
    task: Task = TASKS.get(settings.name)(settings)
    if not weights.is_file():
        raise FoundryError(
            f"`{settings.key}` left no weights in {weights.parent}: "
            + (
                "it was evaluated by a version that did not keep them; run the trial again"
                if settings.name in ("classification", "part_segmentation")
                else "it trains no backbone with a head; leave the task out for the backbone alone"
            )
        )
    clouds = inputs.clouds_of(settings)
    dataset = clouds.load(context)
    head = task.new_head(backbone, dataset, inputs.finetune(settings))
    assert head is not None, f"{settings.name} left a head"
    load_weights(Expert(backbone, head), weights)
    return Answering(settings.key, task, head.eval().requires_grad_(False), clouds, dataset)


def _give_budget(backbone: Backbone, budget: int | None) -> None:
    if budget is None:
        return
    if backbone.least_budget is None:
        raise FoundryError(f"budget: given {budget}, but this backbone heeds none")
    if budget < backbone.least_budget:
        raise FoundryError(
            f"budget: given {budget}, expected at least {backbone.least_budget}, its SuperTokens"
        )
    backbone.budget = budget
