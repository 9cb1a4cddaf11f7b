from pathlib import Path

import pytest

from foundry_bench import results
from foundry_bench.metrics import MetricSpec
from foundry_bench.results.frame import COLUMNS, ROWS
from tests.report.examples import ExampleSweep
from tests.results.gallery import frame_of
from tests.results.test_loader import small_sweep


def test_columns_are_stable(tmp_path: Path) -> None:
    frame = results.load(small_sweep(tmp_path))
    (tmp_path / "empty").mkdir()
    empty = results.load(tmp_path / "empty")

    assert list(frame.columns)[: len(ROWS)] == list(ROWS)
    assert list(frame.columns)[: len(COLUMNS)] == list(COLUMNS)
    assert list(empty.columns) == list(COLUMNS)
    for name, kind in COLUMNS.items():
        assert str(frame[name].dtype) == str(empty[name].dtype) == kind


def test_a_nested_setting_tells_trials_apart(tmp_path: Path) -> None:
    sweep = ExampleSweep(tmp_path)
    for std in (0.1, 1.0):
        for seed in range(3):
            student = {"assignment": {"name": "dso", "init_std": std}}
            varies = {"student.assignment": student["assignment"]}
            sweep.trial(
                *("main", "foundry", seed, 0.5 + std / 10),
                supertokens=4,
                student=student,
                varies=varies,
                tag=f"-{std}",
            )

    frame = results.load(tmp_path)

    assert "student.assignment.init_std" in frame.attrs["axes"]
    by = ["student.assignment.init_std"]
    summary = results.summarize(frame[frame.metric == "accuracy"], by=by)
    assert summary["student.assignment.init_std"].tolist() == [0.1, 1.0]
    assert summary["mean"].tolist() == pytest.approx([0.51, 0.6])
    assert frame["series"].nunique() == 2


def test_runs_of_one_sweep_with_other_settings_are_two_series(tmp_path: Path) -> None:
    for epochs in (2, 9):
        sweep = ExampleSweep(tmp_path / str(epochs))
        for seed in range(3):
            config = {"train": {"distill": {"epochs": epochs}}}
            sweep.trial(
                *("main", "foundry", seed, 0.5), supertokens=4, config=config, tag=f"-{epochs}"
            )

    frame = results.load(tmp_path)

    assert frame["train.distill.epochs"].dropna().unique().tolist() == [2, 9]
    assert set(frame["series"]) == {"foundry, distill epochs 2", "foundry, distill epochs 9"}


def test_a_setting_that_some_trials_lack_is_no_axis(tmp_path: Path) -> None:
    frame = results.load(small_sweep(tmp_path))

    assert "student.supertokens" not in frame.attrs["axes"]


def test_a_trial_without_numbers_has_one_row(tmp_path: Path) -> None:
    sweep = ExampleSweep(tmp_path)
    use = sweep.stage("failed", "distill", status="failed", error="diverged")
    sweep.trial("main", "foundry", 0, None, supertokens=4, status="failed", stages=[use])

    frame = results.load(tmp_path)

    assert frame[["stage", "metric", "status"]].to_numpy().tolist() == [["distill", "", "failed"]]


def test_specs_of_the_record_count_before_the_table(tmp_path: Path) -> None:
    sweep = ExampleSweep(tmp_path)
    spec = MetricSpec(label="Chamfer distance", unit="m", direction="lower")
    use = sweep.stage(
        "own",
        "evaluate",
        task="completion",
        metrics={"chamfer": 0.3},
        metric_specs={"chamfer": spec},
    )
    sweep.trial("main", "foundry", 0, 0.5, supertokens=4, stages=[use])

    frame = results.load(tmp_path).set_index("metric")

    columns = ["label", "unit", "direction"]
    assert frame.loc["chamfer", columns].tolist() == ["Chamfer distance", "m", "lower"]
    accuracy = ["classification accuracy", "share", "higher"]
    assert frame.loc["accuracy", columns].tolist() == accuracy


def test_costs_data_and_clouds_of_the_gallery() -> None:
    frame = frame_of("supertokens")
    rows = frame[(frame.series == "foundry") & (frame.supertokens == 16)]
    teacher = frame[frame.variant == "teacher"]

    assert teacher["macs"].unique().tolist() == [27193344.0]
    assert 0 < rows["macs"].iloc[0] < 27193344.0
    assert rows["weight_mib"].iloc[0] > teacher["weight_mib"].iloc[0] > 1
    assert rows["distill_clouds"].unique().tolist() == [4096]
    assert teacher["distill_clouds"].isna().all()
    assert set(rows["data"]) == {"shapes"}
    assert set(rows["protocol"]) == {"", "classification/1", "probe/1"}


def test_results_at_other_budgets_become_an_ablation() -> None:
    frame = frame_of("budget")
    rows = results.inference_only(frame)

    assert set(rows["metric"]) == {"accuracy"}
    assert set(rows["variant"]) == {"inference_only"}
    assert rows["macs"].isna().all()
    assert results.inference_only(frame_of("real")).empty
