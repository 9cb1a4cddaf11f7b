import pytest

from foundry_bench.metrics import ACTIVITY, DISTILLATION, find_spec, match_specs
from foundry_bench.registries import TASKS
from foundry_bench.results.metrics import TASKS as TABLE
from foundry_bench.results.metrics import is_result, scale_of, sort_results
from foundry_bench.tasks.task import Task


def task_class(name: str) -> type[Task]:
    return TASKS.get(name)


@pytest.mark.parametrize("name", list(TABLE))
def test_the_table_for_earlier_records_is_as_tasks_declare(name: str) -> None:
    assert task_class(name).metric_specs == TABLE[name]


@pytest.mark.parametrize("name", [name for name, entry in TASKS.entries.items()])
def test_every_answer_of_a_task_has_a_direction(name: str) -> None:
    task = task_class(name)

    for metric in task.metrics:
        assert task.metric_specs[metric].direction in ("higher", "lower")


def test_derived_names_have_the_unit_of_their_metric() -> None:
    specs = task_class("part_segmentation").metric_specs

    for metric in ("val_miou_instance", "literature_miou_instance", "miou_instance_at_budget_8"):
        spec = find_spec(metric, specs)
        assert spec is not None
        assert (spec.unit, spec.direction) == ("share", "higher")
    chair = find_spec("miou_of_potted_plant", specs)
    assert chair is not None
    assert chair.label == "mIoU of potted plant"
    assert find_spec("unknown", specs) is None
    assert match_specs(["miou_of_x", "unknown"], specs).keys() == {"miou_of_x"}


def test_results_are_told_from_details() -> None:
    found = {
        metric: is_result("evaluate", metric, "higher")
        for metric in ("accuracy", "miou_of_cap", "accuracy_at_budget_4", "val_accuracy", "chamfer")
    }
    assert [metric for metric, is_one in found.items() if is_one] == ["accuracy", "chamfer"]
    assert not any(
        is_result("evaluate", metric, spec.direction) for metric, spec in ACTIVITY.items()
    )
    assert not is_result("distill", "distill_loss", DISTILLATION["distill_loss"].direction)


def test_results_have_an_order() -> None:
    pairs = [
        ("few_shot_10w10s", "few_shot_accuracy"),
        ("few_shot_5w10s", "few_shot_accuracy"),
        ("mine", "chamfer"),
        ("db69", "accuracy"),
        ("classification", "accuracy"),
    ]
    assert [task for task, _ in sort_results(pairs)] == [
        *("classification", "db69", "few_shot_5w10s", "few_shot_10w10s", "mine")
    ]


def test_shares_are_shown_in_percent() -> None:
    assert scale_of("share") == (100.0, "%")
    assert scale_of("ms") == (1.0, "ms")
