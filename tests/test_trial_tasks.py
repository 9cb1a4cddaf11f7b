"""Trials with specialists, and with tasks on clouds of their own."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from foundry_bench.geometry.patches import Patches
from foundry_bench.stage import Stage, StageContext
from foundry_bench.store import Store
from foundry_bench.tasks.classification import Classification
from foundry_bench.tasks.task import TaskData, TaskResult
from foundry_bench.testing import tiny_archive, tiny_preset
from foundry_bench.training.views import PatchViews
from foundry_bench.trial_inputs import TrialInputs
from tests.trials import (
    LIGHT,
    NOT_DISTILLED,
    SCRATCH,
    TEACHER,
    keys,
    planned,
    run,
    tokens,
    trial_config,
)

SPECIALIST: dict[str, Any] = {"student": {"name": "specialist", "supertokens": 4}}


def test_a_specialist_learns_from_the_teacher_that_was_evaluated(
    files: Path, tmp_path: Path
) -> None:
    expert = planned(files, SPECIALIST)["distill"].needs["finetuned_teacher"]
    assert expert.key == keys(files, TEACHER)["classification"]
    records, store = run(files, tmp_path, SPECIALIST)
    assert 0 <= records["distill"].metrics["heldout_agreement"] <= 1
    weights = load_file(store.root / "stages" / records["distill"].key / "weights.safetensors")
    assert not [name for name in weights if name.startswith("head")]
    teachers = run(files, tmp_path, TEACHER)[1]
    assert expert.key not in teachers.ran


def test_a_specialist_comes_to_agree_with_its_expert(files: Path, tmp_path: Path) -> None:
    changes = {**SPECIALIST, "train.distill.epochs": 40, "train.finetune.epochs": 20}
    records, _ = run(files, tmp_path, changes)
    history = records["distill"].history
    assert history[-1]["loss"] < history[0]["loss"] / 2
    assert records["distill"].metrics["heldout_agreement"] > 0.8


def test_records_say_unit_and_direction_of_their_metrics(files: Path, tmp_path: Path) -> None:
    records, _ = run(files, tmp_path, SPECIALIST)
    distill, tuned = (records[name].metric_specs for name in ("distill", "classification"))
    assert distill["distill_loss"].direction == "lower"
    assert distill["heldout_agreement"].unit == "share"
    assert (tuned["accuracy"].unit, tuned["accuracy"].direction) == ("share", "higher")
    assert tuned["encoder_tokens"].unit == "tokens"
    assert tuned.keys() == records["classification"].metrics.keys()


def with_parts(folder: Path) -> dict[str, Any]:
    """The tiny archive, every point with a part of its class: left or right, bottom or top."""
    with np.load(folder / "tiny.npz") as columns:
        arrays = dict(columns)
    axis, label = arrays["points"], arrays["label"][:, None]
    part = np.where(label == 0, axis[..., 0] > 0, 2 + (axis[..., 1] > 0))
    names = np.array(["flat/left", "flat/right", "tall/bottom", "tall/top"])
    np.savez(folder / "parts.npz", **arrays, part=part, part_names=names)
    path = str(folder / "parts.npz")
    return {"data": {"name": "archive", "path": path, "part": "part"}}


def test_a_specialist_of_parts_learns_from_the_teacher_that_segments(
    files: Path, tmp_path: Path
) -> None:
    schedule = {"epochs": 15, "batch": 8, "dropout": 0.0}
    tasks = [{"name": "part_segmentation", "finetune": schedule}]
    data = {**with_parts(files), "tasks": tasks, "train.distill.epochs": 40}
    changes = {**data, "student": {**SPECIALIST["student"], "task": "part_segmentation"}}
    expert = planned(files, changes)["distill"].needs["finetuned_teacher"]
    assert expert.key == keys(files, {**data, **TEACHER})["part_segmentation"]
    records, _ = run(files, tmp_path, changes)
    history = records["distill"].history
    assert history[-1]["loss"] < history[0]["loss"] / 2
    assert records["distill"].metrics["heldout_agreement"] > 0.7
    assert 0 < records["part_segmentation"].metrics["miou_instance"] <= 1


def test_an_expert_is_fine_tuned_by_its_own_schedule(files: Path) -> None:
    """So it is that schedule that says whether cached tokens are what the expert knows."""
    task = {"name": "classification", "finetune": {"trainable": ["tokenizer", "encoder"]}}
    for tasks, on_patches in (([task], True), (["classification"], False)):
        inputs = TrialInputs(trial_config(files, {**SPECIALIST, "tasks": tasks}))
        assert inputs.distills_on_patches == on_patches


def test_an_expert_sees_the_clouds_through_its_own_tokenizer(files: Path, tmp_path: Path) -> None:
    """If fine-tuning trained it, cached tokens of the teacher's are not what it knows."""
    trains = {"train.finetune.trainable": ["tokenizer", "encoder"]}
    changes = {**SPECIALIST, **trains, "train.distill.epochs": 40, "train.finetune.epochs": 20}
    records, store = run(files, tmp_path, {**changes, "tasks": ["classification"]})
    assert records["distill"].metrics["heldout_agreement"] > 0.8
    inputs = TrialInputs(trial_config(files, changes))
    context = StageContext(tmp_path, store.root / "data", tokens_of(store), lambda progress: None)
    dataset = inputs.clouds.load(context)
    assert inputs.distills_on_patches
    views, test = inputs.clouds.distill_views(context, dataset, on_patches=True)
    for shown in (views, test):
        drawn = shown.draw(torch.arange(2), torch.Generator().manual_seed(0))
        assert isinstance(drawn.inputs, Patches)


def tokens_of(store: Store) -> dict[str, Path]:
    """Some cached tokens, under the names that distillation knows them by."""
    folders = sorted(path.parent for path in (store.root / "stages").glob("*/tokens.npy"))
    sizes = {folder: len(np.load(folder / "tokens.npy", mmap_mode="r")) for folder in folders}
    largest, smallest = max(sizes.values()), min(sizes.values())
    (test, *_) = [folder for folder, size in sizes.items() if size == smallest]
    (first, second, *_) = [folder for folder, size in sizes.items() if size == largest]
    return {"view0": first, "view1": second, "test": test}


def test_a_tokenizer_that_was_not_distilled_trains_with_the_task(files: Path) -> None:
    for start, trains in (("teacher", True), ("distilled", False)):
        assert ("tokenizer" in trained(files, {**LIGHT, "init": start})) == trains
    assert "tokenizer" not in trained(files, NOT_DISTILLED)


def trained(files: Path, changes: dict[str, Any]) -> tuple[str, ...] | str:
    """What trains with the first task."""
    trial = trial_config(files, changes)
    return TrialInputs(trial).finetune(trial.tasks[0]).trainable


def other_clouds(files: Path) -> dict[str, Any]:
    """A task on clouds that the student was not distilled on."""
    folder = files / "others"
    folder.mkdir(exist_ok=True)
    with np.load(tiny_archive(folder)) as arrays:
        points = arrays["points"][:, ::-1]
        np.savez(folder / "others.npz", **{**arrays, "points": points})
    data = {"name": "archive", "path": str(folder / "others.npz")}
    return {"name": "classification", "label": "others", "data": data}


def test_a_task_may_have_clouds_of_its_own(files: Path, tmp_path: Path) -> None:
    changes = {"tasks": ["classification", other_clouds(files)]}
    stages = planned(files, changes)
    usual, others = stages["classification"], stages["others"]
    assert usual.needs["distill"].key == others.needs["distill"].key
    assert usual.fingerprints["data"] != others.fingerprints["data"]
    assert {need.fingerprints["data"] for name, need in tokens_needed(others)} == {
        others.fingerprints["data"]
    }
    assert {need.config["split"] for name, need in tokens_needed(others)} == {"train", "test"}
    assert stages["distill"].key == keys(files)["distill"]
    records, _ = run(files, tmp_path, changes)
    assert records["others"].task == "others"
    assert records["others"].config["task"]["name"] == "classification"
    assert records["others"].metrics.keys() == records["classification"].metrics.keys()


def tokens_needed(stage: Stage) -> list[tuple[str, Stage]]:
    return [(name, need) for name, need in stage.needs.items() if need.kind == "tokens"]


def test_a_schedule_of_its_own_is_a_tasks_own(files: Path) -> None:
    own = {"name": "classification", "finetune": {"epochs": 3, "batch": 4}}
    changed = keys(files, {"tasks": [own], "train.finetune.epochs": 7})
    assert changed["classification"] == keys(files, {"tasks": [own]})["classification"]
    assert changed["classification"] != keys(files)["classification"]
    scratch = trained(files, {**SCRATCH, "tasks": [own]})
    assert scratch == ("tokenizer", "encoder")
    head_alone = {**own, "finetune": {"epochs": 3, "trainable": "head"}}
    assert trained(files, {**SCRATCH, "tasks": [head_alone]}) == "head"


def test_views_of_its_own_change_what_a_task_trains_on(files: Path) -> None:
    own = {"name": "classification", "views": {"count": 3}}
    stage = planned(files, {"tasks": [own]})["classification"]
    assert sorted(tokens(stage)) == ["test", "train", "view0", "view1", "view2"]


def test_a_label_renames_a_stage_and_nothing_else(files: Path, tmp_path: Path) -> None:
    named = {"tasks": [{"name": "classification", "label": "mine"}]}
    records, _ = run(files, tmp_path / "mine", named)
    usual, _ = run(files, tmp_path / "usual", {"tasks": ["classification"]})
    assert records["mine"].metrics == usual["classification"].metrics


def test_a_tuned_backbone_stays_with_its_head(files: Path, tmp_path: Path) -> None:
    _, store = run(files, tmp_path, {"tasks": ["classification"]})
    stage = planned(files)["classification"]
    weights = load_file(store.root / "stages" / stage.key / "weights.safetensors")
    assert {name.partition(".")[0] for name in weights} == {"backbone", "head"}


@pytest.mark.parametrize("student", [{"name": "foundry"}, {"name": "tome", "supertokens": 4}])
def test_a_task_may_cut_its_clouds_otherwise(
    files: Path, tmp_path: Path, student: dict[str, Any]
) -> None:
    """As the literature does, where one backbone is asked with 64 patches and with 128."""
    finer = {"name": "classification", "label": "finer", "geometry": GEOMETRY}
    changes = {"tasks": ["probe", finer], "student": {"supertokens": 4, **student}}
    stages = planned(files, changes)
    assert stages["finer"].needs["distill"].key == stages["probe"].needs["distill"].key
    assert stages["finer"].needs["test"].key != stages["probe"].needs["test"].key
    records, store = run(files, tmp_path, changes)
    folder = store.root / "stages" / stages["finer"].needs["test"].key
    assert np.load(folder / "tokens.npy").shape[1] == GEOMETRY["patches"]
    assert records["finer"].metrics["accuracy"] > 0
    teacher, _ = run(files, tmp_path, {**TEACHER, "tasks": ["probe", finer]})
    assert teacher["finer"].metrics["encoder_tokens"] == GEOMETRY["patches"]


GEOMETRY = {"points": 30, "patches": 10, "patch_size": 3}


def test_corrupted_clouds_are_cut_as_the_clean_ones_that_were_learned(
    files: Path, tmp_path: Path
) -> None:
    """Otherwise a change of geometry would count as damage."""
    finer = {"name": "classification", "label": "finer", "geometry": GEOMETRY}
    records, _ = run(files, tmp_path, {**TEACHER, "tasks": [finer, "corruption"]})
    assert records["corruption"].metrics["encoder_tokens"] == GEOMETRY["patches"]
    assert records["corruption"].inputs["finetuned"] == records["finer"].key


def test_an_expert_knows_clouds_as_a_specialist_is_asked_about_them(files: Path) -> None:
    """A task of another geometry has a teacher of its own, which would answer for other patches."""
    finer = {"name": "classification", "geometry": GEOMETRY}
    usual = planned(files, {**SPECIALIST, "tasks": ["classification"]})["distill"]
    asked = planned(files, {**SPECIALIST, "tasks": [finer]})["distill"]
    assert asked.key == usual.key
    assert asked.needs["finetuned_teacher"].config["task"]["geometry"] is None


def test_a_tuned_tokenizer_meets_no_cached_tokens(files: Path) -> None:
    tuned = {"name": "classification", "finetune": {"trainable": ["tokenizer", "encoder"]}}
    cached = planned(files, {"tasks": ["classification", "corruption"]})["corruption"]
    fresh = planned(files, {"tasks": [tuned, "corruption"]})["corruption"]
    assert set(cached.needs) == {"distill", "train", "test", "finetuned"}
    assert set(fresh.needs) == {"distill", "finetuned"}


def with_drop_path(folder: Path) -> dict[str, Any]:
    """The tiny teacher, pre-trained with drop path."""
    preset = tiny_preset(folder)
    preset.write_text(preset.read_text().replace("heads: 3", "heads: 3, drop_path: 0.5"))
    return {"teacher": {"preset": str(preset), "weights": "random"}}


def test_teachers_with_drop_path_have_new_keys_and_others_the_old_ones(
    files: Path, tmp_path: Path
) -> None:
    for stage in planned(files).values():
        assert "drop_path" not in json.dumps(stage.config)
    changed = planned(files, with_drop_path(tmp_path))
    assert changed["distill"].config["drop_path"] == 2
    assert changed["classification"].config["drop_path"] == 2
    assert "drop_path" not in changed["probe"].config


def test_a_student_is_trained_without_the_drop_path_of_pretraining(
    files: Path, tmp_path: Path
) -> None:
    usual, _ = run(files, tmp_path / "usual")
    dropping, _ = run(files, tmp_path / "dropping", with_drop_path(tmp_path))
    for name in ("distill", "classification"):
        assert dropping[name].metrics == usual[name].metrics


def test_a_drop_path_of_its_own_changes_the_numbers(files: Path, tmp_path: Path) -> None:
    usual, _ = run(files, tmp_path / "usual")
    changes = {"student.drop_path": 0.5, "train.finetune.drop_path": 0.5}
    dropping, _ = run(files, tmp_path / "dropping", changes)
    for name in ("distill", "classification"):
        assert dropping[name].metrics != usual[name].metrics


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (None, None, None)),
        ({"protocol": "literature"}, (1e-6, "epoch", "train")),
        (
            {"protocol": "literature", "finetune": {"lr_floor": 0.0, "frozen_mode": "eval"}},
            (0.0, "epoch", "eval"),
        ),
    ],
)
def test_null_settings_are_the_published_codes_under_its_protocol(
    files: Path, changes: dict[str, Any], expected: tuple[object, ...]
) -> None:
    stage = planned(files, {"tasks": [{"name": "classification", **changes}]})["classification"]
    finetune = stage.config["finetune"]
    found = tuple(finetune.get(name) for name in ("lr_floor", "lr_per", "frozen_mode"))
    assert found == expected


@pytest.mark.parametrize(
    ("changes", "is_farthest"),
    [
        ({}, False),
        ({"protocol": "literature"}, True),
        ({"protocol": "literature", "test_points": "first"}, False),
        ({"test_points": "farthest"}, True),
    ],
)
def test_test_points_are_the_farthest_under_the_literatures_protocol(
    files: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
    is_farthest: bool,
) -> None:
    tested: list[object] = []

    def evaluate(self: object, backbone: object, data: TaskData, training: object) -> TaskResult:
        tested.append(data.test)
        return TaskResult({"accuracy": 0.0})

    monkeypatch.setattr(Classification, "evaluate", evaluate)
    run(files, tmp_path, {**NOT_DISTILLED, "tasks": [{"name": "classification", **changes}]})
    assert isinstance(tested[0], PatchViews) == is_farthest
