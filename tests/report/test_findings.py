from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from foundry_bench import results
from foundry_bench.report.findings import MOST_WORDS, Findings, find
from foundry_bench.report.sweep_results import SweepResults

GALLERY = Path(__file__).parents[2] / "reports" / "gallery"


@cache
def found_in(name: str) -> Findings:
    return find(SweepResults.of(results.read(GALLERY / name), name))


def effect(found: Findings, words: str) -> "pd.Series[float]":
    (row,) = (row for _, row in found.effects.iterrows() if row["effect"] == words)
    return row


def test_the_best_student_is_compared_with_its_baselines_by_the_numbers_of_the_table() -> None:
    found = found_in("supertokens")
    table = pd.read_csv(GALLERY / "supertokens" / "results.csv")
    student = table[(table.series == "foundry") & (table.supertokens == 16)].iloc[0]

    row = effect(found, "foundry at s = 16 − its teacher")

    assert row["mean"] == pytest.approx(student["accuracy_to_teacher"])
    assert row["low"] == pytest.approx(student["accuracy_to_teacher_low"])
    assert row["verdict"] == "worse"
    assert (found.label, found.unit) == ("classification accuracy", "points")


def test_the_last_level_is_compared_with_the_first() -> None:
    row = effect(found_in("supertokens"), "foundry: s = 16 − s = 1")

    assert row["mean"] == pytest.approx(6.551, abs=1e-3)
    assert row["low"] > 0


def test_a_baseline_of_another_student_is_not_the_best_ones() -> None:
    """Merging students are baselines of the sweep, too."""
    row = effect(found_in("baselines"), "foundry at s = 16 − the student not distilled")

    assert row["mean"] == pytest.approx(5.119, abs=1e-3)


def test_ablations_come_by_the_size_of_their_effect() -> None:
    effects = found_in("supertokens").effects
    own = effects[effects["effect"].str.contains("no residual|dso")]["mean"].abs()

    assert list(own) == sorted(own, reverse=True)
    assert len(own) == 4


@pytest.mark.parametrize("name", ["supertokens", "losses", "budget", "search"])
def test_a_headline_is_one_short_sentence(name: str) -> None:
    headline = found_in(name).headline

    assert headline.endswith("its teacher.") or "its teacher and" in headline
    assert len(headline.split()) <= MOST_WORDS


def test_without_students_nothing_is_found() -> None:
    frame = results.load(GALLERY / "supertokens")
    rows = frame[frame["role"] == "baseline"]
    records = results.read(GALLERY / "supertokens")

    found = find(SweepResults("supertokens", records, rows))

    assert found.headline == ""
    assert found.effects.empty
