from collections.abc import Callable

import pytest

from foundry_bench.report.analysis.generality import generalise
from foundry_bench.report.figures.backbones import call_backbone
from foundry_bench.report.figures.generality import MAX_BACKBONES, Matrix, arrange, draw_matrix
from foundry_bench.report.records.task_data import name_data
from tests.report.example_tasks import fill_generality
from tests.report.examples import ExampleSweep
from tests.report.summaries import read

MakeSweep = Callable[..., ExampleSweep]


def _matrix(sweep: ExampleSweep) -> Matrix | None:
    evidence, _, summary = read(sweep)
    generality = generalise(summary, name_data(evidence.trials))
    assert generality is not None
    return arrange(generality)


def test_a_row_a_headline_that_is_a_share(make_sweep: MakeSweep) -> None:
    data = _matrix(fill_generality(make_sweep()))

    assert data is not None
    assert [(row.task, row.detail) for row in data.rows][:3] == [
        ("classification", "accuracy, shapes"),
        ("db69", "classification accuracy, psb"),
        ("few-shot 5w10s", "accuracy, shapes"),
    ]
    assert ("lpsb parts", "instance mIoU") in [(row.task, row.detail) for row in data.rows]
    assert {row.measure.metric for row in data.rows} == {
        "accuracy", "few_shot_accuracy", "miou_instance", "miou_class", "retrieval_map",
        "corrupted_accuracy",
    }  # fmt: skip
    assert list(map(call_backbone, data.students)) == [
        "foundry at s = 16", "not distilled", "from scratch", "no residual at s = 16"
    ]  # fmt: skip
    assert data.has_all
    foundry = data.students[0]
    assert data.rows[0].marks[foundry].mean == pytest.approx(-0.6)
    assert data.rows[0].teacher.mean == pytest.approx(95.0)


def test_lines_are_what_is_drawn(make_sweep: MakeSweep) -> None:
    data = _matrix(fill_generality(make_sweep()))
    assert data is not None

    lines = data.lines()

    assert len(lines) == len(data.rows) * len(data.students)
    assert lines[0]["teacher"] == pytest.approx(95.0)
    assert lines[0]["to_teacher"] == pytest.approx(-0.6)


def test_ablations_are_left_out_of_many_backbones(make_sweep: MakeSweep) -> None:
    counts = (1, 2, 4, 8, 16)
    data = _matrix(fill_generality(make_sweep(), counts=counts))

    assert data is not None
    assert not data.has_all
    assert len(data.students) == MAX_BACKBONES
    assert {student.role for student in data.students} == {"main", "baseline"}


def test_without_a_teacher_there_is_no_figure(make_sweep: MakeSweep) -> None:
    sweep = fill_generality(make_sweep())
    for path in (sweep.out / "trials").glob("teacher-*"):
        (path / "trial.json").unlink()

    assert _matrix(sweep) is None


def test_each_row_is_named_and_has_the_teachers_result(make_sweep: MakeSweep) -> None:
    data = _matrix(fill_generality(make_sweep()))
    assert data is not None

    figure = draw_matrix(data)

    texts = [text.get_text() for text in figure.axes[0].texts]
    assert {"db69", "classification accuracy, psb", "93.5 %", "teacher"} <= set(texts)
    assert "n = 3 seeds" in figure.axes[0].get_title(loc="left")
    ticks = list(figure.axes[0].get_xticks())
    assert {-1.0, 0.0, 1.0} <= set(ticks)
