from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from foundry_bench.config.settings import DistillSettings, LossSettings, ViewSettings
from foundry_bench.geometry.patches import Patches
from foundry_bench.models.backbone import Embedding
from foundry_bench.registries import STUDENTS
from foundry_bench.seeds import generator, seeded
from foundry_bench.students.assignments.dso import DsoSettings
from foundry_bench.students.foundry import Foundry, FoundrySettings
from foundry_bench.testing import tiny_dataset, tiny_teacher
from foundry_bench.testing.tiny import SPEC
from foundry_bench.training.distill import Distillation, heldout_metrics, painted_clouds
from foundry_bench.training.lessons import Lessons
from foundry_bench.training.views import CachedViews, TokenFile, Views, patch_views
from tests.training.runs import InterruptedByTest, losses, train

CPU = torch.device("cpu")
DATASET = tiny_dataset()
TEST = DATASET.splits["test"]


def student(supertokens: int = 4, **assignment: Any) -> Foundry:
    settings = FoundrySettings(
        supertokens=supertokens, assignment=DsoSettings(name="dso_pos", **assignment)
    )
    with seeded(0, "student"):
        return Foundry(tiny_teacher(), settings)


def online() -> Views:
    return patch_views(DATASET, DATASET.pool, SPEC, ViewSettings(count="online"), CPU)


def plain() -> Views:
    return patch_views(DATASET, TEST, SPEC, None, CPU)


def cached(folder: Path) -> Views:
    folder.mkdir()
    TokenFile.write(folder, tiny_teacher(), plain())
    return CachedViews((TokenFile(folder),), CPU)


def settings(**changes: Any) -> DistillSettings:
    return DistillSettings(**{"epochs": 3, "batch": 8, "lr": 3e-3, **changes})


def objective(made: Foundry, given: DistillSettings, views: Views | None = None) -> Distillation:
    made.freeze_all_but(given.trainable)
    return Distillation(made, Lessons(views or online(), tiny_teacher()), given)


def test_the_student_comes_nearer_to_its_teacher(tmp_path: Path) -> None:
    made, given = student(), settings(epochs=30)
    before = heldout_metrics(made, tiny_teacher(), plain(), LossSettings())["heldout_nmse"]
    history = train(objective(made, given), given, tmp_path)
    after = heldout_metrics(made, tiny_teacher(), plain(), LossSettings())["heldout_nmse"]
    assert history[-1]["loss"] < 0.7 * history[0]["loss"]
    assert after < 0.7 * before


def test_only_what_is_named_trains(tmp_path: Path) -> None:
    made, given = student(), settings()
    before = {name: value.clone() for name, value in made.state_dict().items()}
    train(objective(made, given), given, tmp_path)
    changed = {
        name.split(".")[0]
        for name, value in made.state_dict().items()
        if not torch.equal(before[name], value)
    }
    assert changed == {"encoder", "positions", "assignment", "upsample"}


def test_the_teacher_stays_as_it_was(tmp_path: Path) -> None:
    teacher, made, given = tiny_teacher(), student(), settings(trainable=("tokenizer", "encoder"))
    made.freeze_all_but(given.trainable)
    train(Distillation(made, Lessons(online(), teacher), given), given, tmp_path)
    untouched = tiny_teacher().state_dict()
    assert all(torch.equal(untouched[name], value) for name, value in teacher.state_dict().items())


def test_an_interrupted_distillation_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    given = settings()
    undisturbed, cut, resumed = (student(temperature_end=0.1) for _ in range(3))
    expected = losses(train(objective(undisturbed, given), given, tmp_path / "whole"))
    with pytest.raises(InterruptedByTest):
        train(objective(cut, given), given, tmp_path / "cut", stop_after=2)
    assert losses(train(objective(resumed, given), given, tmp_path / "cut")) == expected
    theirs = undisturbed.state_dict()
    assert all(torch.equal(theirs[name], value) for name, value in resumed.state_dict().items())


def test_the_temperature_follows_training(tmp_path: Path) -> None:
    made, given = student(temperature_end=0.1), settings(epochs=2, batch=20)
    train(objective(made, given), given, tmp_path)
    assert made.assignment.temperature == pytest.approx(0.1**0.5)


@pytest.mark.parametrize("name", ["smooth_l1", "mse", "cosine"])
def test_every_loss_trains(tmp_path: Path, name: str) -> None:
    given = settings(loss=LossSettings.model_validate({"name": name}), epochs=10)
    history = train(objective(student(), given), given, tmp_path)
    assert history[-1]["loss"] < history[0]["loss"]


def test_cached_tokens_train_almost_as_online_ones(tmp_path: Path) -> None:
    given = settings(epochs=1)
    from_points = train(objective(student(), given, plain()), given, tmp_path / "points")
    from_files = train(
        objective(student(), given, cached(tmp_path / "view0")), given, tmp_path / "files"
    )
    assert losses(from_files) == pytest.approx(losses(from_points), rel=2e-3)


def test_cached_views_need_no_teacher(tmp_path: Path) -> None:
    views = cached(tmp_path / "view0")
    found = heldout_metrics(student(), None, views, LossSettings())
    expected = heldout_metrics(student(), tiny_teacher(), plain(), LossSettings())
    assert found["heldout_nmse"] == pytest.approx(expected["heldout_nmse"], rel=2e-3)


def test_heldout_nmse_is_one_minus_r_squared() -> None:
    made, teacher = student().eval(), tiny_teacher()
    patches = plain().draw(torch.arange(len(TEST))).inputs
    target = teacher.tokens(patches)
    mean, spread = target.mean(-1, keepdim=True), target.std(-1, keepdim=True, correction=0)
    target = ((target - mean) / spread).double()
    residual = (made.tokens(patches).double() - target).square().sum()
    total = (target - target.mean(-1, keepdim=True)).square().sum()
    found = heldout_metrics(made, teacher, plain(), LossSettings())["heldout_nmse"]
    assert found == pytest.approx((residual / total).item(), rel=1e-4)


def test_heldout_metrics_weigh_clouds_alike_in_unequal_chunks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = heldout_metrics(student(), tiny_teacher(), plain(), LossSettings())
    monkeypatch.setattr(Views.chunks, "__defaults__", (5,))
    assert heldout_metrics(student(), tiny_teacher(), plain(), LossSettings()) == pytest.approx(
        whole, rel=1e-5
    )


def test_supertokens_in_use_are_counted_by_cloud() -> None:
    made = student().eval()
    patches = plain().draw(torch.arange(len(TEST))).inputs
    assign = made.compress(made.embedding(patches)).assign_BCS
    used = [len(set(cloud.argmax(-1).tolist())) for cloud in assign]
    metrics = heldout_metrics(made, tiny_teacher(), plain(), LossSettings())
    assert metrics["supertokens_in_use"] == pytest.approx(np.mean(used))
    assert metrics["encoder_tokens"] == 4


def test_a_point_is_painted_as_the_patch_with_the_nearest_centre() -> None:
    made = student().eval()
    painted = painted_clouds(made, plain(), DATASET)
    assert painted["points_MN3"].shape == (2, SPEC.points, 3)
    assert painted["points_MN3"].dtype == np.float16
    assert painted["supertoken_MN"].dtype == np.int16
    assert painted["labels_M"].tolist() == [0, 1]
    assert painted["class_names"].tolist() == ["flat", "tall"]
    for cloud, row in enumerate((0, 1)):
        points = DATASET.points_NP3[TEST[row], : SPEC.points]
        np.testing.assert_array_equal(painted["points_MN3"][cloud], points.astype(np.float16))
        patches = plain().draw(torch.tensor([row])).inputs
        assert isinstance(patches, Patches)
        assign = made.compress(made.embed(patches)).assign_BCS[0].argmax(-1).numpy()
        distance = np.linalg.norm(points[:, None] - patches.centers_BC3[0].numpy(), axis=-1)
        np.testing.assert_array_equal(painted["supertoken_MN"][cloud], assign[distance.argmin(-1)])


def test_cached_and_online_views_paint_alike(tmp_path: Path) -> None:
    from_files = painted_clouds(student(), cached(tmp_path / "view0"), DATASET)
    from_points = painted_clouds(student(), plain(), DATASET)
    same = from_files["supertoken_MN"] == from_points["supertoken_MN"]
    assert same.mean() > 0.9


def test_targets_of_the_teacher_carry_no_gradient() -> None:
    batch = objective(student(), settings()).batch(torch.arange(4), generator(0))
    assert batch.targets_BCD is not None
    assert not batch.targets_BCD.requires_grad
    assert not isinstance(batch.inputs, Embedding)


@pytest.mark.parametrize("name", list(STUDENTS))
def test_every_student_is_distilled_in_bfloat16(name: str, tmp_path: Path) -> None:
    kind, given = (
        STUDENTS.get(name),
        settings(precision="bfloat16", trainable=("tokenizer", "encoder")),
    )
    few = {"supertokens": 2} if "supertokens" in kind.Settings.model_fields else {}
    made = kind(tiny_teacher(), kind.Settings(name=name, **few))
    made.freeze_all_but(given.trainable)
    lessons = Lessons(online(), tiny_teacher(), precision="bfloat16")
    history = train(Distillation(made, lessons, given), given, tmp_path)
    assert losses(history)[-1] < losses(history)[0]
    assert {parameter.dtype for parameter in made.parameters()} == {torch.float32}


@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_a_student_drops_paths_as_its_settings_say(rate: float) -> None:
    teacher = tiny_teacher()
    teacher.set_drop_path(0.9)
    made = Foundry(teacher, FoundrySettings(supertokens=4, drop_path=rate))
    Distillation(made, Lessons(online(), teacher), DistillSettings(epochs=1, batch=8))
    assert [block.drop_path for block in made.encoder.blocks] == pytest.approx([0.0, rate])
    assert teacher.encoder.blocks[-1].drop_path == pytest.approx(0.9)


def test_drop_path_of_pretraining_changes_no_loss_of_distillation(tmp_path: Path) -> None:
    settings = DistillSettings(epochs=1, batch=8)
    found = []
    for name, rate in (("none", 0.0), ("some", 0.9)):
        teacher = tiny_teacher()
        teacher.set_drop_path(rate)
        with seeded(0, "student"):
            made = Foundry(teacher, FoundrySettings(supertokens=4))
        objective = Distillation(made, Lessons(online(), teacher), settings)
        found.append(losses(train(objective, settings, tmp_path / name)))
    assert found[0] == found[1]
