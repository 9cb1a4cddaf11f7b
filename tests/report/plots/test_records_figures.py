import numpy as np
import pandas as pd
import pytest

from foundry_bench import results
from foundry_bench.registries import FIGURES
from foundry_bench.report.plots import chosen, corruption, latency_by_part, scenes, task_matrix
from foundry_bench.report.plots import gate_histogram as gates
from foundry_bench.report.plots import supertoken_clouds as clouds
from foundry_bench.report.plots import time_by_stage as times
from foundry_bench.report.plots import validation_curves as curves
from foundry_bench.report.sweep_results import SweepResults
from tests.report.plots.sweeps import check_drawing, gallery_sweep
from tests.results.gallery import GALLERY


def sweep_of(name: str) -> SweepResults:
    if name in ("profile", "scenes"):
        return SweepResults(name, results.read(GALLERY / name), pd.DataFrame())
    return gallery_sweep(name)


@pytest.mark.parametrize(
    ("figure", "report"),
    [
        ("validation_curves", "losses"),
        ("task_matrix", "generality"),
        ("corruption", "generality"),
        ("token_similarity", "generality"),
        ("gate_histogram", "gate"),
        ("supertoken_clouds", "supertokens"),
        ("latency_by_part", "profile"),
        ("scenes", "scenes"),
        ("time_by_stage", "generality"),
    ],
)
def test_figure_renders(figure: str, report: str) -> None:
    found = list(FIGURES.get(figure)(sweep_of(report)))
    assert found
    check_drawing(found[0])


@pytest.mark.parametrize("figure", ["task_matrix", "corruption", "token_similarity", "scenes"])
def test_figure_without_its_records_is_left_out(figure: str) -> None:
    assert not list(FIGURES.get(figure)(gallery_sweep("gate")))


def test_stage_seconds_count_each_stage_once() -> None:
    sweep = gallery_sweep("generality")
    expected = sum(record.timings["wall_s"] for record in sweep.records.records.values())
    assert times.stage_seconds(sweep)["seconds"].sum() == pytest.approx(expected)


def test_gate_shares_sum_to_one() -> None:
    shares = gates.gate_shares(gallery_sweep("gate"))
    assert np.allclose(shares.groupby(["series", "gate_lambda"])["share"].sum(), 1)


@pytest.mark.parametrize("counts", [np.zeros(4), np.ones((2, 2)), np.array(["a"])])
def test_invalid_histogram_is_left_out(counts: np.ndarray) -> None:
    assert gates.read_histogram({"gate_histogram": counts}) is None


def test_differences_are_those_of_compare() -> None:
    frame = gallery_sweep("generality").frame
    found = task_matrix.task_differences(frame)
    one = found[(found["task"] == "classification") & (found["variant"] == "foundry")].iloc[0]
    rows = frame[(frame["task"] == "classification") & (frame["metric"] == "accuracy")]
    change = results.compare(rows).query("variant == 'foundry'").iloc[0]
    assert one["mean"] == pytest.approx(change["mean"])
    assert one["low"] == pytest.approx(change["low"])


def test_corruptions_have_kinds() -> None:
    rows = corruption.with_kinds(gallery_sweep("generality").frame)
    assert {"add global", "jitter", "scale"} <= set(rows["kind"])
    assert set(rows["severity"]) == {0}


def test_profiles_have_all_parts_and_scenes_memory() -> None:
    latencies = latency_by_part.read_latencies(sweep_of("profile").records.profiles)
    assert len(latencies) == 69
    found = scenes.read_scenes(sweep_of("scenes").records.profiles)
    assert len(found) == 72
    assert (found["is_oom"] | found["peak_gib"].gt(0)).all()


def test_touching_supertokens_differ_in_colour() -> None:
    line = np.stack([np.arange(30.0), np.zeros(30), np.zeros(30)], 1)
    owners = np.repeat([0, 4, 9], 10)
    found = clouds.colour_supertokens(line, owners, 2)
    assert found[0] != found[4] != found[9]


def test_validation_accuracy_is_read_by_epoch() -> None:
    histories = curves.read_histories(gallery_sweep("losses"))
    assert histories[histories["metric"] == "val_accuracy"]["epoch"].min() == 1


def test_comparable_keeps_the_largest_level_of_each_series() -> None:
    frame = gallery_sweep("supertokens").frame
    shown = chosen.comparable(frame)
    assert shown["series"].nunique() <= 8
    counts = shown[shown["variant"] == "foundry"]["supertokens"]
    assert set(counts) == {frame[frame["variant"] == "foundry"]["supertokens"].max()}
