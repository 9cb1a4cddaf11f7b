from collections.abc import Callable
from typing import Any

from foundry_bench.config.tasks import preset_names, read_preset
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
        assert each.teacher in TEACHERS
        for preset, numbers in each.results.items():
            assert preset in preset_names()
            assert set(numbers) <= set(TASKS.get(read_preset(preset)["name"]).metrics)
