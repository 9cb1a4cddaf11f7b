from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file

from foundry_bench.data.loader import loader_of
from foundry_bench.stage import Progress
from foundry_bench.store import Store
from foundry_bench.students.assignments.dso import DsoPos
from foundry_bench.students.foundry import Foundry
from foundry_bench.tasks.classification import Classification
from foundry_bench.tasks.task import TaskResult
from foundry_bench.testing import tiny_archive, tiny_preset
from foundry_bench.trial import plan_trial
from tests.trials import (
    LIGHT,
    NOT_DISTILLED,
    ONLINE,
    SCRATCH,
    TEACHER,
    keys,
    numbers,
    planned,
    run,
    tokens,
    trial_config,
)


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
def test_baselines_are_not_distilled(files: Path, changes: dict[str, Any]) -> None:
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


def test_the_size_of_cached_tokens_is_known_before_they_are_there(
    files: Path, tmp_path: Path
) -> None:
    shapes = {"name": "shapes", "train": 40, "unlabelled": 4, "test": 40, "points": 64}
    view = planned(files, {"data": shapes})["distill"].needs["view0"]
    folder = Store(tmp_path / "sized").get_or_run(view, lambda progress: None).path
    assert view.num_bytes == sum(np.load(path).nbytes for path in folder.glob("*.npy"))
    assert planned(files)["distill"].needs["view0"].num_bytes is None, "the archive has to be read"


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
        {"train.distill.trainable": []},
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
        {"train.finetune.trainable": []},
    ],
)
def test_finetuning_changes_its_own_key_alone(files: Path, changes: dict[str, Any]) -> None:
    usual, other = keys(files), keys(files, changes)
    assert {name for name in usual if usual[name] != other[name]} == {"classification"}


@pytest.mark.parametrize(
    "changes",
    [{"sweep": "other"}, {"variant": "other"}, {"role": "ablation"}, {"varies": {"a": 1}}],
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


def test_compiling_has_keys_of_its_own_and_changes_none_where_it_is_off(files: Path) -> None:
    usual = keys(files)
    assert keys(files, {"train.compile": False}) == usual
    compiled = keys(files, {"train.compile": True})
    assert not set(compiled.values()) & set(usual.values())
    assert keys(files, {**TEACHER, "train.compile": True}) == keys(files, TEACHER)


def test_a_compiled_distillation_says_whether_it_was(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def refuse(*given: object, seed: int) -> bool:
        asked.append(seed)
        return False

    monkeypatch.setattr("foundry_bench.trial.compile_if_equal", refuse)
    records, _ = run(files, tmp_path, {"train.compile": True, "seed": 3})
    assert asked == [3]
    assert records["distill"].metrics["compiled"] == 0


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
    "changes", [ONLINE, SCRATCH, {"train.finetune.trainable": ["tokenizer", "encoder"]}]
)
def test_a_tokenizer_that_trains_gets_patches(files: Path, changes: dict[str, Any]) -> None:
    needs = planned(files, changes)["classification"].needs
    assert set(needs) <= {"distill"}


ACTIVITY = ("supertokens_in_use", "assignment_entropy", "encoder_tokens", "encoder_tokens_p95")


@pytest.mark.parametrize(
    "views",
    [{}, ONLINE, {**ONLINE, "train.distill.trainable": ["tokenizer", "encoder"]}],
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
def test_baselines_run_to_their_end(files: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    records, _ = run(files, tmp_path, changes)
    assert [record.status for record in records.values()] == ["done", "done"]


def test_a_student_starts_from_the_teacher_that_it_learns_from(files: Path, tmp_path: Path) -> None:
    """Whatever the seed: what is frozen is as in the teacher that made the cached tokens."""
    weights = []
    for seed in (0, 1):
        changes = {"seed": seed, "tasks": ["probe"], "train.distill.trainable": []}
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
    assert list((tmp_path / "cut" / "partial").glob("*/scratch/checkpoint.pt"))
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
    changes = {"train.distill.trainable": ["tokenizer", "encoder"]}
    stages = planned(files, changes)
    assert list(stages["distill"].needs) == ["view0", "view1", "test"]
    assert set(stages["probe"].needs) == {"distill"}
    records, _ = run(files, tmp_path, changes)
    assert [record.status for record in records.values()] == ["done"] * 3
