from collections.abc import Callable

import pytest

from foundry_bench.report.analysis.corruptions import find_clean
from foundry_bench.report.figures.backbones import call_backbone
from foundry_bench.report.figures.corruptions import Corruptions, draw_corruptions, gather_damage
from foundry_bench.report.tables.corruptions import tabulate_corruptions
from tests.report.example_tasks import KINDS, PSB, TASKS, fill_generality
from tests.report.examples import ExampleSweep
from tests.report.summaries import read

MakeSweep = Callable[..., ExampleSweep]


def _damage(sweep: ExampleSweep) -> list[Corruptions]:
    evidence, _, summary = read(sweep)
    return gather_damage(summary, find_clean(evidence))


def test_drops_are_from_the_result_of_the_classification_before(make_sweep: MakeSweep) -> None:
    (data,) = _damage(fill_generality(make_sweep()))

    assert data.kinds == KINDS
    assert data.severities == (0,)
    assert data.clean.task == "classification"
    assert list(map(call_backbone, data.backbones)) == [
        "teacher", "foundry at s = 16", "not distilled", "from scratch", "no residual at s = 16"
    ]  # fmt: skip
    teacher = data.backbones[0]
    assert data.drops[teacher, "dropout_global", 0].mean == pytest.approx(95.0 - 80.0)
    assert data.drops[teacher, "jitter", 0].mean == pytest.approx(95.0 - 77.0)
    assert data.lines()[0]["severity"] == "default"


def test_of_several_classifications_it_is_the_one_whose_backbone_was_taken(
    make_sweep: MakeSweep,
) -> None:
    """They may be of one file, by other labels of it, or differ in their heads alone."""
    (data,) = _damage(fill_generality(make_sweep(), clean="db69"))

    assert data.clean.task == "db69"


def test_several_severities_are_curves(make_sweep: MakeSweep) -> None:
    (data,) = _damage(fill_generality(make_sweep(), severities=(1, 3, 5)))

    assert data.severities == (1, 3, 5)
    teacher = data.backbones[0]
    drops = [data.drops[teacher, "jitter", severity].mean for severity in data.severities]
    assert drops == pytest.approx([14.0, 18.0, 22.0])
    figure = draw_corruptions(data)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "dropout global", "jitter", "rotation", "scale"
    ]  # fmt: skip


def test_without_a_clean_result_there_is_a_table_alone(make_sweep: MakeSweep) -> None:
    tasks = [task for task in TASKS if task["name"] == "corruption" or task["data"] == PSB]
    evidence, _, summary = read(fill_generality(make_sweep(), tasks=tasks))
    clean = find_clean(evidence)

    extra = tabulate_corruptions(summary, clean)

    assert gather_damage(summary, clean) == []
    assert extra is not None
    assert extra.tables[0].header[3:5] == ("all kinds", "dropout global")


def test_the_table_has_clean_and_mean_and_each_kind(make_sweep: MakeSweep) -> None:
    evidence, _, summary = read(fill_generality(make_sweep(), severities=(1, 5)))

    extra = tabulate_corruptions(summary, find_clean(evidence))

    assert extra is not None
    (table,) = extra.tables
    assert table.header == (
        "variant", "role", "s", "clean", "all kinds", "dropout global", "jitter", "rotation",
        "scale",
    )  # fmt: skip
    teacher = [cell.text for cell in table.rows[0]]
    assert teacher[3:6] == ["95.0 ± 1.4", "75.5 ± 1.4", "80.0 ± 1.4"]
    assert {line["severity"] for line in extra.lines} == {"default", 1, 5}


def test_a_sweep_without_corruption_has_neither(full_sweep: ExampleSweep) -> None:
    _, _, summary = read(full_sweep)

    assert tabulate_corruptions(summary, {}) is None
    assert gather_damage(summary, {}) == []
