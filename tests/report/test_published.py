from collections.abc import Callable
from typing import Any

from foundry_bench.config.tasks import preset_names, read_preset
from foundry_bench.cost.paper import PUBLISHED_GIGA
from foundry_bench.registries import TASKS, TEACHERS
from foundry_bench.report.assemble import assemble
from foundry_bench.report.published import load_published
from foundry_bench.report.records.harvest import read_folders
from tests.report.examples import ExampleSweep

MakeSweep = Callable[..., ExampleSweep]


def _caption(sweep: ExampleSweep, teacher: str, task: dict[str, Any]) -> str:
    """What stands below the results of a teacher on one task, whose label is `bench`."""
    use = sweep.stage("k", "evaluate", task="bench", metrics={"accuracy": 0.9})
    config = {"tasks": [{"name": "classification", "label": "bench", **task}]}
    sweep.trial(
        "baseline", "teacher", 0, None, teacher={"name": teacher}, config=config, stages=[use]
    )
    (report,) = assemble(read_folders([sweep.out])).sweeps
    return report.table.caption


def test_published_numbers_of_the_teacher_stand_below_the_results(make_sweep: MakeSweep) -> None:
    caption = _caption(make_sweep(), "point_jepa", {"preset": "modelnet40/1"})

    assert caption.endswith(
        " Published, not measured here: bench classification accuracy, Point-JEPA: 93.8 ± 0.2 %"
        " (no votes, ± over its runs; README of github.com/Ayumu-J-S/Point-JEPA)."
    )


def test_what_is_no_benchmark_or_of_another_teacher_has_none(make_sweep: MakeSweep) -> None:
    assert "Published" not in _caption(make_sweep("a"), "point_jepa", {})
    assert "Published" not in _caption(make_sweep("b"), "point2vec", {"preset": "modelnet40/1"})


def test_the_shipped_numbers_are_of_metrics_that_their_presets_measure() -> None:
    for each in load_published().models:
        assert each.teacher is None or each.teacher in TEACHERS
        for preset, numbers in each.results.items():
            assert preset in preset_names()
            assert set(numbers) <= set(TASKS.get(read_preset(preset)["name"]).metrics)


PAPER = {
    ("shapenet55", "accuracy"): {90.54, 89.87, 75.09, 89.68, 87.56, 76.08},
    ("shapenetpart", "miou_class"): {83.91, 81.87, 61.88},
    ("shapenetpart", "miou_instance"): {85.73, 84.82, 65.72, "85.8 ± 0.1"},
    ("modelnet40_5way_10shot", "few_shot_accuracy"): {91.8, 96.1},
    ("modelnet40_10way_10shot", "few_shot_accuracy"): {91.8, 96.1},
    ("modelnet40", "accuracy"): {"93.8 ± 0.2"},
    ("modelnet40_svm", "svm_accuracy"): {"93.7 ± 0.2"},
    ("scanobjectnn_obj_bg", "accuracy"): {92.9},
    ("scanobjectnn_pb_t50_rs", "accuracy"): {"86.6 ± 0.3"},
}
"""Preset and metric -> what the paper and its teacher's authors say."""


def test_each_number_of_the_paper_is_there() -> None:
    found: dict[tuple[str, str], set[str | float]] = {}
    for each in load_published().models:
        if each.teacher == "point_jepa":
            for preset, numbers in each.results.items():
                for metric, value in numbers.items():
                    found.setdefault((preset, metric), set()).add(value)
    assert found == PAPER


def test_each_other_family_has_its_row() -> None:
    rows: dict[str, int] = {}
    for each in load_published().models:
        if each.teacher != "point_jepa":
            rows[each.model] = rows.get(each.model, 0) + len(each.results)
    # Point-MAE's ModelNet40 stands for two presets
    assert rows == {"Point-MAE": 10, "Point-BERT": 4, "ReCon": 9, "PointGPT-S": 9}


def test_the_costs_of_the_paper_are_there() -> None:
    costs = {(each.cost, each.model): each.value for each in load_published().costs}
    flops = {
        "teacher" if tokens is None else f"foundry s={tokens}": value
        for tokens, value in PUBLISHED_GIGA.items()
    }
    assert {model: value for (cost, model), value in costs.items() if cost == "flops"} == flops
    assert costs["latency", "teacher"] == 0.09
    assert costs["scene_memory", "foundry"] == 4.0
    assert costs["scene_memory", "teacher"] == costs["scene_memory", "tome"] == "out of memory"


def test_what_is_published_of_a_student_stands_below_its_benchmark(make_sweep: MakeSweep) -> None:
    caption = _caption(make_sweep(), "point_jepa", {"preset": "shapenet55/1"})
    assert "KMeans-student of the Foundry paper: 76.08 %" in caption
    assert "task-specific distillation of the Foundry paper: 75.09 %" in caption
