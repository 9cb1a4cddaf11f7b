from collections.abc import Callable

import pytest

from foundry_bench.report.analysis.specialists import contest
from foundry_bench.report.statistics.intervals import holm
from foundry_bench.report.study.series import Series, name_series
from foundry_bench.report.study.study import find_specialists
from foundry_bench.report.study.summary import Summary
from foundry_bench.report.tables.specialists import tabulate_specialists
from tests.report.example_tasks import fill_generalist
from tests.report.examples import ExampleSweep
from tests.report.summaries import read

MakeSweep = Callable[..., ExampleSweep]


@pytest.fixture
def told(make_sweep: MakeSweep) -> tuple[Summary, dict[Series, str]]:
    evidence, _, summary = read(fill_generalist(make_sweep()))
    return summary, find_specialists(evidence.trials, name_series(evidence.trials))


def test_specialists_are_known_by_what_they_learned(
    told: tuple[Summary, dict[Series, str]],
) -> None:
    assert sorted(told[1].values()) == ["classification", "part_segmentation"]


def test_each_generalist_meets_each_specialist_on_each_task(
    told: tuple[Summary, dict[Series, str]],
) -> None:
    found = contest(*told)

    assert [(each.name, each.measure.metric, each.is_own) for each in found] == [
        ("specialist of classification", "accuracy", True),
        ("specialist of classification", "miou_instance", False),
        ("specialist of classification", "miou_class", False),
        ("specialist of part segmentation", "accuracy", False),
        ("specialist of part segmentation", "miou_instance", True),
        ("specialist of part segmentation", "miou_class", True),
    ]
    assert found[0].change.mean == pytest.approx(-0.3)
    assert found[3].change.mean == pytest.approx(19.4)
    alone = [each.generalist.difference(each.specialist, each.measure) for each in found]
    assert [each.change.p for each in found] == holm([change.p for change in alone])


def test_the_tables_say_own_and_other(told: tuple[Summary, dict[Series, str]]) -> None:
    extra = tabulate_specialists(*told)

    assert extra is not None
    results, differences = extra.tables
    rows = {row[0].text: [cell.text for cell in row] for row in results.rows}
    assert list(rows) == [
        "teacher", "foundry", "specialist of classification", "specialist of part segmentation"
    ]  # fmt: skip
    assert rows["specialist of classification"][3] == "94.7 ± 1.4 (own)"
    assert rows["specialist of part segmentation"][3] == "75.0 ± 2.7"
    assert [row[3].text for row in differences.rows] == [
        "own", "other", "other", "other", "own", "own"
    ]  # fmt: skip
    assert [line["what"] for line in extra.lines].count("difference") == 6


def test_a_sweep_without_specialists_has_no_contest(full_sweep: ExampleSweep) -> None:
    evidence, _, summary = read(full_sweep)

    specialists = find_specialists(evidence.trials, name_series(evidence.trials))

    assert specialists == {}
    assert tabulate_specialists(summary, specialists) is None
