"""Variants ranked."""

import pytest

from foundry_bench import results
from foundry_bench.report.plots.ablation_ranking import plot
from tests.report.plots.sweeps import check_drawing, gallery_sweep, published_figure


@pytest.mark.parametrize(
    ("sweep", "names"),
    [
        ("baselines", ["accuracy_by_variant", "probe_accuracy_by_variant"]),
        ("losses", ["accuracy_by_variant", "probe_accuracy_by_variant"]),
        ("supertokens", []),  # three series, each a line
        ("gate", []),
        ("generality", []),
        ("search", []),
    ],
)
def test_enough_variants_are_ranked(sweep: str, names: list[str]):
    assert [each.name for each in plot(gallery_sweep(sweep))] == names


@pytest.mark.parametrize("sweep", ["baselines", "light_tokenizer"])
def test_it_draws(sweep: str):
    check_drawing(next(iter(plot(gallery_sweep(sweep)))))


def test_the_order_is_the_one_published():
    data = next(iter(plot(gallery_sweep("baselines")))).data
    known = published_figure("baselines", "accuracy_by_variant")
    known = known[known["what"] == "mean"]
    assert data["series"].drop_duplicates().tolist()[: known["series"].nunique()] == (
        known["series"].drop_duplicates().tolist()
    )


def test_differences_are_paired_with_the_main_student_of_the_same_level():
    data = next(iter(plot(gallery_sweep("baselines")))).data
    frame = gallery_sweep("baselines").frame
    found = results.compare(
        frame[frame["metric"] == "accuracy"], {"role": "main", "series": "foundry"}
    )
    expected = found[(found["series"] == "fps student") & (found["supertokens"] == 4)].iloc[0]
    drawn = data[(data["series"] == "fps student") & (data["supertokens"] == 4)].iloc[0]
    assert drawn["change"] == pytest.approx(100 * expected["mean"])
    assert drawn["change_low"] == pytest.approx(100 * expected["low"])
