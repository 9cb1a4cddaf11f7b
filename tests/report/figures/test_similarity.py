from collections.abc import Callable

import pytest

from foundry_bench.report.analysis.generality import generalise
from foundry_bench.report.figures.backbones import call_backbone
from foundry_bench.report.figures.generality import arrange
from foundry_bench.report.figures.similarity import Similarity, liken
from foundry_bench.report.records.task_data import name_data
from tests.report.example_tasks import TASKS, fill_generality
from tests.report.examples import ExampleSweep
from tests.report.summaries import read

MakeSweep = Callable[..., ExampleSweep]


def _similarity(sweep: ExampleSweep) -> Similarity | None:
    evidence, _, summary = read(sweep)
    generality = generalise(summary, name_data(evidence.trials))
    assert generality is not None
    matrix = arrange(generality)
    assert matrix is not None
    return liken(generality, matrix)


def test_backbones_have_the_nearness_of_their_tokens_and_their_results(
    make_sweep: MakeSweep,
) -> None:
    data = _similarity(fill_generality(make_sweep()))

    assert data is not None
    assert [measure.metric for measure in data.measures] == ["token_cosine", "token_cka"]
    likeness = {call_backbone(student): each for student, each in data.students.items()}
    assert list(likeness) == [
        "foundry at s = 16", "not distilled", "from scratch", "no residual at s = 16"
    ]  # fmt: skip
    cosine, cka = data.measures
    assert likeness["not distilled"].tokens[cosine].mean == pytest.approx(0.93, abs=0.01)
    assert likeness["not distilled"].tokens[cka].mean == pytest.approx(0.965)
    assert likeness["from scratch"].mean < likeness["not distilled"].mean < 0


def test_lines_tell_the_mean_and_the_ends_of_the_tasks(make_sweep: MakeSweep) -> None:
    data = _similarity(fill_generality(make_sweep()))
    assert data is not None
    lines = data.lines()
    assert len(lines) == 4 * 2
    first = lines[0]
    assert first["worst_to_teacher"] < first["to_teacher"] < first["best_to_teacher"]  # type: ignore[operator]
    assert first["tasks"] == 13


def test_without_the_task_there_is_nothing_to_show(make_sweep: MakeSweep) -> None:
    tasks = [task for task in TASKS if task["name"] != "fidelity"]
    assert _similarity(fill_generality(make_sweep(), tasks=tasks)) is None
