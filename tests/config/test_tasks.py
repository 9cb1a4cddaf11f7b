from typing import Any

import pytest
from pydantic import ValidationError

from foundry_bench.config import tasks
from foundry_bench.config.settings import Seq, Settings
from foundry_bench.config.tasks import (
    TaskField,
    TrainedTaskSettings,
    preset_names,
    read_preset,
)
from foundry_bench.errors import FoundryError
from foundry_bench.tasks.classification import ClassificationSettings
from tests.toys import Quiz

PRESETS = {
    "hard_quiz": {
        "name": "quiz",
        "protocol": "literature",
        "data": {"name": "blobs", "clouds": 7, "path": "there"},
    }
}


class Holder(Settings):
    tasks: Seq[TaskField]


@pytest.fixture
def _presets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "preset_names", lambda: sorted(PRESETS))
    monkeypatch.setattr(
        tasks,
        "read_preset",
        lambda name: {"label": name, **PRESETS[name], "preset": f"{name}/3"},
    )


def held(*given: object) -> list[dict[str, Any]]:
    return list(Holder.model_validate({"tasks": list(given)}).model_dump()["tasks"])


def test_a_task_goes_by_its_word_unless_it_has_a_label() -> None:
    plain, labelled = held("quiz", {"name": "quiz", "label": "mine"})
    assert (plain["label"], labelled["label"]) == ("quiz", "mine")


@pytest.mark.usefixtures("_presets")
def test_a_preset_is_named_like_a_task() -> None:
    (task,) = held("hard_quiz")
    assert task["name"] == "quiz"
    assert task["label"] == "hard_quiz"
    assert task["preset"] == "hard_quiz/3"
    assert task["protocol"] == "literature"
    assert task["data"] == {"name": "blobs", "clouds": 7, "path": "there"}


@pytest.mark.usefixtures("_presets")
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"clouds": 9}, {"name": "blobs", "clouds": 9, "path": "there"}),
        ({"name": "blobs", "clouds": 9}, {"name": "blobs", "clouds": 9, "path": "there"}),
        (None, None),
    ],
)
def test_what_is_given_beside_a_preset_is_laid_over_it(data: object, expected: object) -> None:
    (task,) = held({"preset": "hard_quiz", "label": "other", "data": data})
    assert task["data"] == expected
    assert task["label"] == "other"
    assert task["protocol"] == "literature"


@pytest.mark.usefixtures("_presets")
def test_saved_settings_are_not_laid_over_their_preset_again() -> None:
    (task,) = held({"preset": "hard_quiz", "protocol": "strict"})
    del task["data"]
    (again,) = held(task)
    assert again == {**task, "data": None}


@pytest.mark.usefixtures("_presets")
def test_the_tasks_name_beside_a_preset_changes_nothing() -> None:
    assert held({"name": "quiz", "preset": "hard_quiz"}) == held("hard_quiz")


def test_a_preset_of_another_task_is_told() -> None:
    with pytest.raises(ValidationError, match="of the task 'classification', not of 'probe'"):
        held({"name": "probe", "preset": "modelnet40"})


def test_presets_are_among_the_names_that_a_task_may_have() -> None:
    with pytest.raises(ValidationError, match="did you mean 'modelnet40'"):
        held("modelnet4")


@pytest.mark.usefixtures("_presets")
def test_an_unknown_field_beside_a_preset_is_told() -> None:
    with pytest.raises(ValidationError) as error:
        held({"preset": "hard_quiz", "protocoll": "strict"})
    assert error.value.errors()[0]["loc"][-1] == "protocoll"


def test_an_unknown_preset_is_told_with_the_nearest() -> None:
    with pytest.raises(ValidationError, match="did you mean 'classification_point_mae'"):
        held({"preset": "classification_point_mea"})


def test_tasks_of_one_word_need_labels() -> None:
    names = [Quiz.Settings(name="quiz", label=label).key for label in (None, "a")]
    assert names == ["quiz", "a"]


def test_shipped_presets_say_name_and_version() -> None:
    for name in preset_names():
        values = read_preset(name)
        assert values["preset"].rpartition("/")[2].isdecimal()
        assert "version" not in values
    with pytest.raises(FoundryError, match="unknown preset"):
        read_preset("nothing")


def test_the_smallest_form_of_a_task_is_short() -> None:
    settings = TrainedTaskSettings.model_validate(
        {"name": "quiz", "finetune": {"epochs": 30, "batch": 64}, "data": "blobs"}
    )
    small = settings.smoke()
    assert small.finetune is not None
    assert (small.finetune.epochs, small.finetune.batch) == (1, 2)
    assert small.finetune.steps_per_epoch == 2
    assert small.data == settings.data


def test_the_smallest_form_of_a_task_measures_at_two_budgets() -> None:
    found = [
        ClassificationSettings(budgets=budgets).smoke().budgets
        for budgets in ((32, 16, 64), (16,), ())
    ]
    assert found == [(16, 64), (16,), ()]


@pytest.mark.parametrize(
    ("name", "epochs", "waiting", "drop_path"),
    [
        ("modelnet40", 200, 150, 0.2),
        ("modelnet40_5way_10shot", 150, 0, 0.2),
        ("scanobjectnn_pb_t50_rs", 150, 100, 0.2),
        ("scanobjectnn_obj_only", 150, 100, 0.2),
        ("scanobjectnn_obj_bg", 300, 200, 0.2),
        ("shapenetpart", 300, 0, 0.1),
        ("modelnet40_point_mae", 300, 0, 0.1),
        ("part_segmentation_point_mae", 300, 0, 0.1),
    ],
)
def test_shipped_presets_train_as_the_published_code_does(
    name: str, epochs: int, waiting: int, drop_path: float
) -> None:
    finetune = read_preset(name)["finetune"]
    assert finetune["epochs"] == epochs
    assert round(finetune.get("unfreeze_at", 0.0) * epochs) == waiting
    assert finetune["drop_path"] == drop_path
    assert round(finetune["warmup"] * epochs) == 10
