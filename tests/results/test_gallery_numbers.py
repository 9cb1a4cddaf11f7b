"""The same numbers as the committed reports: statistics, differences, correlations, fronts."""

import math
from functools import cache

import pandas as pd
import pytest

from foundry_bench import results
from tests.results.gallery import GALLERY, frame_of, keyed, published

STUDIES = (
    "supertokens",
    "baselines",
    "budget",
    "gate_epsilon",
    "losses",
    "views",
    "light_tokenizer",
)
METRICS = {
    "distill_loss": ("", 1.0),
    "heldout_nmse": ("", 1.0),
    "accuracy": ("classification", 100.0),
    "probe_accuracy": ("probe", 100.0),
}
CLOSE = {"rel": 1e-9, "abs": 1e-12, "nan_ok": True}


@cache
def with_other_budgets(name: str) -> pd.DataFrame:
    """The rows of `METRICS`, with those at budgets without further training."""
    frame = frame_of(name)
    others = results.inference_only(frame, results.read(GALLERY / name))
    rows = pd.concat([frame, others], ignore_index=True)
    return rows[rows["metric"].isin(METRICS)]


@pytest.mark.parametrize("name", STUDIES)
def test_statistics_are_those_of_the_report(name: str) -> None:
    expected = published(name)
    summary = results.summarize(with_other_budgets(name))
    checked = 0
    for metric, (task, scale) in METRICS.items():
        if metric not in expected:
            continue
        mine = keyed(
            summary[(summary.metric == metric) & (summary.task == task)], list(expected.columns)
        )
        for key, line in keyed(expected, list(expected.columns)).items():
            n = line[f"{metric}_n"]
            if n == 0:
                assert key not in mine
                continue
            found = mine[key]
            assert found["n"] == n, key
            for mine_name, suffix in (("mean", ""), ("low", "_low"), ("high", "_high")):
                assert scale * found[mine_name] == pytest.approx(line[metric + suffix], **CLOSE)
            checked += 1
    assert checked >= len(expected)


@pytest.mark.parametrize("name", STUDIES)
def test_differences_to_the_teacher_are_those_of_the_report(name: str) -> None:
    expected = published(name)
    differences = results.compare(with_other_budgets(name))
    checked = 0
    for metric, (task, scale) in METRICS.items():
        column = f"{metric}_to_teacher"
        if column not in expected:
            continue
        mine = keyed(
            differences[(differences.metric == metric) & (differences.task == task)],
            list(expected.columns),
        )
        for key, line in keyed(expected, list(expected.columns)).items():
            if math.isnan(line[column]):
                continue
            found = mine[key]
            for mine_name, suffix in (("mean", ""), ("low", "_low"), ("high", "_high")):
                assert scale * found[mine_name] == pytest.approx(line[column + suffix], **CLOSE)
            assert found["p_holm"] == pytest.approx(line[f"{column}_p_holm"], rel=1e-6, nan_ok=True)
            checked += 1
    assert checked > 0


@pytest.mark.parametrize(("name", "metric"), [("supertokens", "accuracy"), ("real", "accuracy")])
def test_correlations_are_those_of_the_claims(name: str, metric: str) -> None:
    claims = published(name, "claims")
    line = claims[
        (claims.claim == "loss_orders_accuracy")
        & claims.comparison.str.startswith("foundry: distillation loss against classification")
    ].iloc[0]

    found = results.correlation(frame_of(name), "distill_loss", metric).set_index("series")

    for mine, theirs in (("rho", "estimate"), ("low", "low"), ("high", "high")):
        assert found.loc["foundry", mine] == pytest.approx(line[theirs], rel=1e-9)
    assert found.loc["foundry", "seeds"] == line["n"]


@pytest.mark.parametrize("name", ["supertokens", "baselines", "search", "gate", "budget"])
def test_fronts_are_those_of_the_report(name: str) -> None:
    expected = published(name, "figures/accuracy_vs_gmacs")
    students = expected[expected.what == "student"]

    found = results.pareto(with_other_budgets(name), x="macs", y="accuracy")

    assert len(found) == len(students)
    assert (found["x"] / 1e9).tolist() == pytest.approx(students["gmacs"].tolist())
    assert (found["y"] * 100).tolist() == pytest.approx(students["accuracy"].tolist())
    assert found["place"].tolist() == pytest.approx(students["front"].tolist(), nan_ok=True)
    mine, theirs = found["p_holm"].tolist(), students["p_holm"].tolist()
    assert mine == pytest.approx(theirs, rel=1e-6, nan_ok=True)


def test_the_rows_are_those_of_the_report() -> None:
    for name in ("supertokens", "budget", "scenes"):
        text = results.write_csv(frame_of(name))
        assert text == (GALLERY / name / "rows.csv").read_text()
