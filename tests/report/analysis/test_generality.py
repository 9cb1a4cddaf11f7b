import math
from collections.abc import Callable

import pytest

from foundry_bench.report.analysis.generality import Generality, compare_all, generalise
from foundry_bench.report.records.task_data import name_data
from foundry_bench.report.statistics.intervals import holm
from foundry_bench.report.tables.generality import tabulate_generality
from tests.report.example_tasks import fill_generalist, fill_generality
from tests.report.examples import ExampleSweep
from tests.report.summaries import read

MakeSweep = Callable[..., ExampleSweep]


@pytest.fixture
def generality(make_sweep: MakeSweep) -> Generality:
    evidence, _, summary = read(fill_generality(make_sweep()))
    found = generalise(summary, name_data(evidence.trials))
    assert found is not None
    return found


def test_few_tasks_have_no_matrix(make_sweep: MakeSweep) -> None:
    _, _, summary = read(fill_generalist(make_sweep()))

    assert generalise(summary, {}) is None


def test_p_values_are_corrected_over_the_tasks_of_a_backbone(generality: Generality) -> None:
    foundry = next(group for group in generality.changes if group.role == "main")
    teacher = generality.summary.teacher_of(foundry)
    assert teacher is not None
    alone = [foundry.difference(teacher, measure) for measure in generality.measures]

    changes = list(generality.to_teacher(foundry).values())

    assert [change.p for change in changes] == holm([change.p for change in alone])
    assert [change.mean for change in changes] == [change.mean for change in alone]
    assert changes[0].mean == pytest.approx(-0.6)


def test_main_students_are_compared_with_every_baseline(generality: Generality) -> None:
    compared = {group.variant: list(changes) for group, changes in generality.changes.items()}

    assert compared == {
        "teacher": [],
        "foundry": ["teacher", "not_distilled", "scratch"],
        "not_distilled": ["teacher"],
        "scratch": ["teacher"],
        "no_residual": ["teacher"],
    }


def test_backbones_without_a_common_result_have_no_difference(generality: Generality) -> None:
    group = next(iter(generality.changes))

    assert compare_all(group, group, []) == {}


def test_lines_hold_each_number_with_its_spread_over_folds(generality: Generality) -> None:
    lines = {
        (line["variant"], line["task"], line["metric"]): line
        for line in tabulate_generality(generality).lines
    }

    few_shot = lines["foundry", "few_shot_5w10s", "few_shot_accuracy"]
    assert few_shot["data"] == "shapes"
    assert few_shot["std_over_folds"] == pytest.approx(3.06)
    assert few_shot["n"] == 3
    assert {"to_teacher", "to_not_distilled_p_holm", "to_scratch_low"} <= few_shot.keys()
    assert lines["foundry", "lpsb_parts", "miou_class"]["data"] == "lpsb_parts"
    assert lines["teacher", "retrieval", "retrieval_map"]["n"] == 1
    assert "std_over_folds" not in lines["foundry", "db69", "accuracy"]


def test_tables_have_a_row_a_backbone_and_a_column_a_result(generality: Generality) -> None:
    results, differences = tabulate_generality(generality).tables

    assert results.header[:7] == (
        "variant",
        "role",
        "s",
        "n",
        "classification · shapes · accuracy (%)",
        "classification db69 · psb · accuracy (%)",
        "few-shot 5w10s · shapes · accuracy (%)",
    )
    assert "part segmentation lpsb parts · class mIoU (%)" in results.header
    assert "db69 retrieval · psb · top-1 (%)" in results.header
    assert results.header[-1] == "fidelity · shapes · CKA"
    rows = {row[0].text: [cell.text for cell in row] for row in results.rows}
    assert list(rows) == ["teacher", "foundry", "not distilled", "scratch", "no residual"]
    assert rows["foundry"][:5] == ["foundry", "main", "16", "3", "94.4 ± 1.3"]
    assert "1.000 (deterministic)" in rows["teacher"]
    assert "scratch has random weights there" in results.caption
    assert "± is over seeds" in results.caption
    assert "Over folds it is 3.0 to 6.4 points" in results.caption
    below = {row[0].text: [cell.text for cell in row] for row in differences.rows}
    assert list(below) == ["foundry", "not distilled", "scratch", "no residual"]
    assert below["foundry"][3].startswith("\N{MINUS SIGN}0.6 ± 0.3 (")
    assert len(differences.header) == len(differences.rows[0]) == len(results.header) - 1


def test_a_result_whose_epoch_was_chosen_on_test_is_marked(make_sweep: MakeSweep) -> None:
    tasks = [{"name": name, "label": name, "data": None} for name in ("svm", "probe", "retrieval")]
    sweep = fill_generality(make_sweep(), tasks=[])
    metrics = {"svm": "svm_accuracy", "probe": "probe_accuracy", "retrieval": "retrieval_map"}
    uses = [
        sweep.stage(word, "evaluate", task=word, metrics={metric: 0.5})
        for word, metric in metrics.items()
    ]
    chosen = {"accuracy": 0.8, "literature_accuracy": 0.9}
    uses.append(sweep.stage("tuned", "evaluate", task="classification", metrics=chosen))
    sweep.trial("main", "foundry", 0, None, supertokens=16, stages=uses, config={"tasks": tasks})
    _, _, summary = read(sweep)
    found = generalise(summary, {})
    assert found is not None

    extra = tabulate_generality(found)
    table, *rest = extra.tables

    assert "classification · accuracy\N{DAGGER} (%)" in table.header
    assert "\N{DAGGER}: the epoch was chosen on the test set" in table.caption
    assert not rest
    assert all(math.isnan(line.get("to_teacher", math.nan)) for line in extra.lines)
