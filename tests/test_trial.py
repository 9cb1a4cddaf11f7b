from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from foundry_bench.config.sweep import TrialConfig
from foundry_bench.data.loader import loader_of
from foundry_bench.geometry.patches import Patches
from foundry_bench.record import Record
from foundry_bench.stage import Progress, Stage, StageContext
from foundry_bench.store import Store
from foundry_bench.students.assignments.dso import DsoPos
from foundry_bench.students.foundry import Foundry
from foundry_bench.tasks.classification import Classification
from foundry_bench.tasks.task import TaskResult
from foundry_bench.testing import tiny_archive, tiny_preset
from foundry_bench.trial import plan_trial
from foundry_bench.trial_inputs import TrialInputs

TIMES = {"wall_s", "clouds_per_s"}
ONLINE = {"train.views.count": "online"}
TEACHER = {"student": None, "start": "teacher"}
SCRATCH = {"start": "random"}
NOT_DISTILLED = {"start": "teacher"}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny preset and archive."""
    folder = tmp_path_factory.mktemp("files")
    tiny_preset(folder)
    tiny_archive(folder)
    return folder


def trial_config(files: Path, changes: dict[str, Any] | None = None) -> TrialConfig:
    """A tiny trial, with values at dotted paths changed."""
    values: dict[str, Any] = {
        "sweep": "tiny",
        "variant": "foundry",
        "start": "distilled",
        "teacher": {"preset": str(files / "tiny.yaml"), "weights": "random"},
        "student": {"name": "foundry", "supertokens": 4, "assignment": {"name": "dso_pos"}},
        "data": {"name": "archive", "path": str(files / "tiny.npz")},
        "tasks": ["classification", "probe"],
        "seed": 0,
        "train": {
            "views": {"count": 2},
            "distill": {"epochs": 2, "batch": 8, "trains": ["encoder"]},
            "finetune": {"epochs": 2, "batch": 8, "trains": ["encoder"]},
        },
    }
    for path, value in (changes or {}).items():
        *parents, last = path.split(".")
        place = values
        for name in parents:
            place = place.setdefault(name, {})
        place[last] = value
    return TrialConfig.model_validate(values)


def planned(files: Path, changes: dict[str, Any] | None = None) -> dict[str, Stage]:
    """The leaf stages, by kind or task."""
    stages = plan_trial(trial_config(files, changes))
    return {stage.task or stage.kind: stage for stage in stages}


def keys(files: Path, changes: dict[str, Any] | None = None) -> dict[str, str]:
    return {name: stage.key for name, stage in planned(files, changes).items()}


def tokens(stage: Stage) -> dict[str, str]:
    return {name: need.key for name, need in stage.needs.items() if need.kind == "tokens"}


def run(
    files: Path, store: Path, changes: dict[str, Any] | None = None
) -> tuple[dict[str, Record], Store]:
    made = Store(store)
    stages = planned(files, changes)
    ignore = lambda progress: None  # noqa: E731
    return {name: made.get_or_run(stage, ignore).record for name, stage in stages.items()}, made


def numbers(records: dict[str, Record]) -> list[Any]:
    """All that two runs must agree in."""
    return [
        (
            name,
            record.key,
            record.metrics,
            [
                {key: value for key, value in line.items() if key not in TIMES}
                for line in record.history
            ],
        )
        for name, record in records.items()
    ]


def test_a_trial_is_a_distillation_and_an_evaluation_a_task(files: Path) -> None:
    stages = plan_trial(trial_config(files))
    assert [(stage.kind, stage.task) for stage in stages] == [
        ("distill", None),
        ("evaluate", "classification"),
        ("evaluate", "probe"),
    ]
    distill, classification, probe = stages
    assert list(distill.needs) == ["view0", "view1", "test"]
    assert list(classification.needs) == ["distill", "train", "test", "view0", "view1"]
    assert list(probe.needs) == ["distill", "train", "test"]
    assert classification.needs["distill"].key == distill.key


@pytest.mark.parametrize("changes", [TEACHER, SCRATCH, NOT_DISTILLED])
def test_anchors_are_not_distilled(files: Path, changes: dict[str, Any]) -> None:
    assert list(planned(files, changes)) == ["classification", "probe"]


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"student.supertokens": 2},
        {"student.residual": False},
        {"train.distill.lr": 1.0},
        TEACHER,
        NOT_DISTILLED,
    ],
)
def test_tokens_are_shared_between_students_and_seeds(files: Path, changes: dict[str, Any]) -> None:
    mine, theirs = planned(files), planned(files, changes)
    for name in theirs:
        assert tokens(theirs[name]) == tokens(mine[name])


@pytest.mark.parametrize("changes", [{"threads": 2}, {"device": "cuda"}])
def test_tokens_are_not_shared_where_their_last_bits_may_differ(
    files: Path, changes: dict[str, Any]
) -> None:
    mine, theirs = tokens(planned(files)["distill"]), tokens(planned(files, changes)["distill"])
    assert not set(mine.values()) & set(theirs.values())


def test_tokens_are_shared_between_distillation_and_tasks(files: Path) -> None:
    stages = planned(files)
    distill, task = tokens(stages["distill"]), tokens(stages["classification"])
    assert {name: task[name] for name in distill} == distill
    assert len(set(task.values())) == len(task)


def test_more_views_keep_those_that_there_are(files: Path) -> None:
    few = tokens(planned(files)["distill"])
    more = tokens(planned(files, {"train.views.count": 3})["distill"])
    assert few.items() < more.items()


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"student.supertokens": 2},
        {"student.residual": False},
        {"student.assignment": {"name": "dso"}},
        {"student.assignment": {"name": "dso_pos", "temperature": 2.0}},
        {"train.distill.epochs": 3},
        {"train.distill.lr": 1e-4},
        {"train.distill.loss": {"name": "mse"}},
        {"train.distill.loss": {"beta": 2.0}},
        {"train.distill.trains": []},
        {"train.distill.precision": "bfloat16"},
        {"train.views.count": 3},
        {"train.views.scale": [0.5, 1.0]},
        {"train.views.seed": 1},
        ONLINE,
        {"threads": 2},
        {"device": "cuda"},
    ],
)
def test_what_distillation_depends_on_changes_every_key(
    files: Path, changes: dict[str, Any]
) -> None:
    usual, other = keys(files), keys(files, changes)
    assert {name for name in usual if usual[name] != other[name]} == set(usual)


@pytest.mark.parametrize(
    "changes",
    [
        {"train.finetune.epochs": 3},
        {"train.finetune.dropout": 0.1},
        {"train.finetune.selection": "val"},
        {"train.finetune.trains": []},
    ],
)
def test_finetuning_changes_its_own_key_alone(files: Path, changes: dict[str, Any]) -> None:
    usual, other = keys(files), keys(files, changes)
    assert {name for name in usual if usual[name] != other[name]} == {"classification"}


@pytest.mark.parametrize(
    "changes", [{"sweep": "other"}, {"variant": "other"}, {"role": "control"}, {"varies": {"a": 1}}]
)
def test_names_change_nothing(files: Path, changes: dict[str, Any]) -> None:
    assert keys(files, changes) == keys(files)


def test_the_teachers_probe_is_the_same_for_all_seeds(files: Path) -> None:
    usual, other = keys(files, TEACHER), keys(files, {**TEACHER, "seed": 1})
    assert usual["probe"] == other["probe"]
    assert usual["classification"] != other["classification"]


@pytest.mark.parametrize("views", [{}, ONLINE], ids=["cached", "online"])
def test_starts_differ(files: Path, views: dict[str, Any]) -> None:
    starts = (SCRATCH, NOT_DISTILLED, TEACHER, {})
    probes = [keys(files, {**views, **start})["probe"] for start in starts]
    assert len(set(probes)) == 4


def test_teacher_and_data_change_every_key(files: Path, tmp_path: Path) -> None:
    usual = keys(files)
    preset = tiny_preset(tmp_path)
    assert keys(files, {"teacher.preset": str(preset)}) == usual
    preset.write_text(preset.read_text().replace("depth: 2", "depth: 1"))
    archive = tiny_archive(tmp_path)
    assert keys(files, {"data.path": str(archive)}) == usual
    archive.write_bytes(archive.read_bytes() + b" ")
    for changes in ({"teacher.preset": str(preset)}, {"data.path": str(archive)}):
        other = keys(files, changes)
        assert all(usual[name] != other[name] for name in usual)


@pytest.mark.parametrize(
    "changes", [ONLINE, SCRATCH, {"train.finetune.trains": ["tokenizer", "encoder"]}]
)
def test_a_tokenizer_that_trains_gets_patches(files: Path, changes: dict[str, Any]) -> None:
    needs = planned(files, changes)["classification"].needs
    assert set(needs) <= {"distill"}


ACTIVITY = ("supertokens_in_use", "assignment_entropy", "encoder_tokens", "encoder_tokens_p95")


@pytest.mark.parametrize(
    "views",
    [{}, ONLINE, {**ONLINE, "train.distill.trains": ["tokenizer", "encoder"]}],
    ids=["cached", "online", "tokenizer"],
)
def test_a_trial_runs_to_its_end_and_repeats_bitwise(
    files: Path, tmp_path: Path, views: dict[str, Any]
) -> None:
    first, store = run(files, tmp_path / "first", views)
    again, _ = run(files, tmp_path / "again", views)
    assert numbers(first) == numbers(again)
    distill = first["distill"]
    assert set(distill.metrics) == {
        "distill_loss",
        "heldout_nmse",
        *ACTIVITY,
    }
    assert distill.metrics["distill_loss"] == distill.history[-1]["loss"]
    assert [line["epoch"] for line in distill.history] == [1.0, 2.0]
    assert 0 <= first["classification"].metrics["accuracy"] <= 1
    assert set(first["probe"].metrics) == {"probe_accuracy", "probe_c", *ACTIVITY}
    folder = store.root / "stages" / distill.key
    assert "assignment.supertokens_SD" in load_file(folder / "weights.safetensors")
    with np.load(folder / "arrays.npz") as arrays:
        assert arrays["points_MN3"].shape == (2, 32, 3)
        assert arrays["supertoken_MN"].max() < 4
    for name in ("distill", "classification"):
        assert not list((store.root / "stages" / first[name].key).glob("*.pt"))


def test_another_seed_gives_other_numbers_from_the_same_tokens(files: Path, tmp_path: Path) -> None:
    first, store = run(files, tmp_path)
    num_tokens = len(list((store.root / "stages").glob("*/tokens.npy")))
    other, store = run(files, tmp_path, {"seed": 1})
    for name, metric in (("distill", "distill_loss"), ("classification", "train_loss")):
        assert first[name].metrics[metric] != other[name].metrics[metric]
    assert len(list((store.root / "stages").glob("*/tokens.npy"))) == num_tokens == 4
    assert len(store.ran) == 3


@pytest.mark.parametrize("changes", [TEACHER, SCRATCH, NOT_DISTILLED])
def test_anchors_run_to_their_end(files: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    records, _ = run(files, tmp_path, changes)
    assert [record.status for record in records.values()] == ["done", "done"]


def test_a_student_starts_from_the_teacher_that_it_learns_from(files: Path, tmp_path: Path) -> None:
    """Whatever the seed: what is frozen is as in the teacher that made the cached tokens."""
    weights = []
    for seed in (0, 1):
        changes = {"seed": seed, "tasks": ["probe"], "train.distill.trains": []}
        records, store = run(files, tmp_path, changes)
        folder = store.root / "stages" / records["distill"].key
        weights.append(load_file(folder / "weights.safetensors"))
    one, two = weights
    for name in (name for name in one if name.startswith(("tokenizer", "encoder", "positions"))):
        assert one[name].equal(two[name]), name
    assert not one["assignment.query.weight"].equal(two["assignment.query.weight"])


def test_tasks_get_the_student_as_distillation_left_it(files: Path, tmp_path: Path) -> None:
    losses = []
    for start in ({}, NOT_DISTILLED):
        records, _ = run(files, tmp_path, {**start, "tasks": ["classification"]})
        losses.append(records["classification"].history[0]["loss"])
    assert losses[0] != losses[1]


def test_an_interrupted_trial_goes_on_in_mid_stage(files: Path, tmp_path: Path) -> None:
    def stop(progress: Progress) -> None:
        if progress.stage == "distill" and progress.epoch == 1:
            raise KeyboardInterrupt

    expected, _ = run(files, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        Store(tmp_path / "cut").get_or_run(planned(files)["distill"], stop)
    assert list((tmp_path / "cut" / "partial").glob("*/checkpoint.pt"))
    found, _ = run(files, tmp_path / "cut")
    assert numbers(found) == numbers(expected)


def test_stages_tell_how_far_they_are(files: Path, tmp_path: Path) -> None:
    told: list[Progress] = []
    Store(tmp_path).get_or_run(planned(files)["classification"], told.append)
    told = [progress for progress in told if progress.epochs]
    assert [(progress.stage, progress.task, progress.epoch) for progress in told] == [
        ("distill", None, 1),
        ("distill", None, 2),
        ("evaluate", "classification", 1),
        ("evaluate", "classification", 2),
    ]


def test_the_pool_opens_with_train_and_has_no_test(files: Path) -> None:
    dataset = loader_of(trial_config(files).data).load(None)
    pool, train = dataset.pool, dataset.splits["train"]
    assert pool[: len(train)].tolist() == train.tolist()
    assert len(pool) == 20
    assert set(pool.tolist()).isdisjoint(dataset.splits["test"].tolist())


def test_fine_tuning_goes_on_at_the_temperature_where_distillation_ended(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def evaluate(self: Classification, backbone: Any, *_: Any) -> TaskResult:
        seen.append(backbone.assignment.temperature)
        return TaskResult({"accuracy": 0.0})

    monkeypatch.setattr(Classification, "evaluate", evaluate)
    assignment = {"name": "dso_pos", "temperature": 1.0, "temperature_end": 0.1}
    changes = {"student.assignment": assignment, "tasks": ["classification"]}
    run(files, tmp_path, changes)
    run(files, tmp_path, {**changes, **NOT_DISTILLED})
    assert seen == [pytest.approx(0.1), 1.0]


@pytest.mark.parametrize("changed", [Foundry, DsoPos])
def test_a_raised_version_of_the_code_changes_the_keys(
    files: Path, monkeypatch: pytest.MonkeyPatch, changed: type
) -> None:
    before = planned(files)
    monkeypatch.setattr(changed, "version", 2)
    after = planned(files)
    assert all(before[name].key != after[name].key for name in before)


GATE: dict[str, Any] = {
    "student": {"name": "foundry_gate", "supertokens": 3, "distill_budget": "random"}
}
LIGHT: dict[str, Any] = {
    "student": {"name": "light_tokenizer", "supertokens": 4, "tokenizer": {"points": 4}}
}
SPECIALIST: dict[str, Any] = {"student": {"name": "specialist", "supertokens": 4}}


@pytest.mark.parametrize("changes", [{"student.budget": 5, "student.selection": "oracle"}])
def test_one_distillation_serves_all_budgets(files: Path, changes: dict[str, Any]) -> None:
    usual, other = keys(files, GATE), keys(files, {**GATE, **changes})
    assert usual["distill"] == other["distill"]
    assert usual["probe"] != other["probe"]
    assert usual["classification"] != other["classification"]


def test_a_gated_student_is_measured_at_its_budgets(files: Path, tmp_path: Path) -> None:
    tasks = [{"name": "classification", "budgets": [2, 3, 5, 8]}]
    changes = {**GATE, "student.budget": 5, "student.selection": "oracle", "tasks": tasks}
    records, store = run(files, tmp_path, changes)
    metrics = records["classification"].metrics
    measured = {name for name in metrics if name.startswith("accuracy_at_budget_")}
    assert measured == {f"accuracy_at_budget_{budget}" for budget in (3, 5, 8)}
    assert metrics["accuracy_at_budget_5"] == metrics["accuracy"]
    assert metrics["kept_tokens"] == 2
    assert metrics["encoder_tokens"] <= metrics["encoder_tokens_p95"] <= 5
    assert {"kept_tokens", "gate_mean"} <= set(records["distill"].metrics)
    folder = store.root / "stages" / records["distill"].key
    with np.load(folder / "arrays.npz") as arrays:
        assert arrays["gate_histogram"].sum() == 12 * 8
        assert arrays["supertoken_MN"].min() >= -1


def test_a_student_without_a_budget_is_not_measured_at_any(files: Path, tmp_path: Path) -> None:
    tasks = [{"name": "classification", "budgets": [4]}]
    records, _ = run(files, tmp_path, {"tasks": tasks})
    assert not [name for name in records["classification"].metrics if "budget" in name]


def test_a_tokenizer_of_ones_own_learns_from_cached_targets(files: Path, tmp_path: Path) -> None:
    """Cached tokens say what the teacher makes of a view; the student gets the view's patches."""
    stages = planned(files, LIGHT)
    assert list(stages["distill"].needs) == ["view0", "view1", "test"]
    assert set(stages["classification"].needs) == set(stages["probe"].needs) == {"distill"}
    first, store = run(files, tmp_path / "first", LIGHT)
    again, _ = run(files, tmp_path / "again", LIGHT)
    assert numbers(first) == numbers(again)
    weights = load_file(store.root / "stages" / first["distill"].key / "weights.safetensors")
    with_seed, other = run(files, tmp_path / "first", {**LIGHT, "train.distill.epochs": 1})
    before = load_file(other.root / "stages" / with_seed["distill"].key / "weights.safetensors")
    assert not weights["tokenizer.out.0.weight"].equal(before["tokenizer.out.0.weight"])


def test_a_trained_tokenizer_learns_from_cached_targets_too(files: Path, tmp_path: Path) -> None:
    changes = {"train.distill.trains": ["tokenizer", "encoder"]}
    stages = planned(files, changes)
    assert list(stages["distill"].needs) == ["view0", "view1", "test"]
    assert set(stages["probe"].needs) == {"distill"}
    records, _ = run(files, tmp_path, changes)
    assert [record.status for record in records.values()] == ["done"] * 3


def test_a_specialist_learns_from_the_teacher_that_was_evaluated(
    files: Path, tmp_path: Path
) -> None:
    expert = planned(files, SPECIALIST)["distill"].needs["expert"]
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
    expert = planned(files, changes)["distill"].needs["expert"]
    assert expert.key == keys(files, {**data, **TEACHER})["part_segmentation"]
    records, _ = run(files, tmp_path, changes)
    history = records["distill"].history
    assert history[-1]["loss"] < history[0]["loss"] / 2
    assert records["distill"].metrics["heldout_agreement"] > 0.7
    assert 0 < records["part_segmentation"].metrics["miou_instance"] <= 1


def test_an_expert_is_fine_tuned_by_its_own_schedule(files: Path) -> None:
    """So it is that schedule that says whether cached tokens are what the expert knows."""
    task = {"name": "classification", "finetune": {"trains": ["tokenizer", "encoder"]}}
    for tasks, on_patches in (([task], True), (["classification"], False)):
        inputs = TrialInputs(trial_config(files, {**SPECIALIST, "tasks": tasks}))
        assert inputs.distills_on_patches == on_patches


def test_an_expert_sees_the_clouds_through_its_own_tokenizer(files: Path, tmp_path: Path) -> None:
    """If fine-tuning trained it, cached tokens of the teacher's are not what it knows."""
    trains = {"train.finetune.trains": ["tokenizer", "encoder"]}
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
        assert ("tokenizer" in trained(files, {**LIGHT, "start": start})) == trains
    assert "tokenizer" not in trained(files, NOT_DISTILLED)


def trained(files: Path, changes: dict[str, Any]) -> tuple[str, ...] | str:
    """What trains with the first task."""
    trial = trial_config(files, changes)
    return TrialInputs(trial).finetune(trial.tasks[0]).trains


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
    head_alone = {**own, "finetune": {"epochs": 3, "trains": "head"}}
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
    assert records["corruption"].inputs["tuned"] == records["finer"].key


def test_an_expert_knows_clouds_as_a_specialist_is_asked_about_them(files: Path) -> None:
    """A task of another geometry has a teacher of its own, which would answer for other patches."""
    finer = {"name": "classification", "geometry": GEOMETRY}
    usual = planned(files, {**SPECIALIST, "tasks": ["classification"]})["distill"]
    asked = planned(files, {**SPECIALIST, "tasks": [finer]})["distill"]
    assert asked.key == usual.key
    assert asked.needs["expert"].config["task"]["geometry"] is None


def test_a_tuned_tokenizer_meets_no_cached_tokens(files: Path) -> None:
    tuned = {"name": "classification", "finetune": {"trains": ["tokenizer", "encoder"]}}
    cached = planned(files, {"tasks": ["classification", "corruption"]})["corruption"]
    fresh = planned(files, {"tasks": [tuned, "corruption"]})["corruption"]
    assert set(cached.needs) == {"distill", "train", "test", "tuned"}
    assert set(fresh.needs) == {"distill", "tuned"}
