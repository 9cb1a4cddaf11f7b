"""Baselines in figures."""

import pytest

from foundry_bench.report.plots import baselines as module
from foundry_bench.report.plots.answers import find_answers
from foundry_bench.report.plots.baselines import (
    interval_words,
    is_near,
    spread,
    summarize_baselines,
)
from foundry_bench.report.plots.theme import new_figure
from tests.report.plots.sweeps import gallery_sweep


def test_the_teacher_comes_first_in_shown_units():
    frame = gallery_sweep("supertokens").frame
    found = summarize_baselines(frame, find_answers(frame)[0])
    assert found["name"].tolist() == ["teacher", "not distilled", "from scratch"]
    assert found["mean"].iloc[0] == pytest.approx(91.9, abs=0.1)


def test_students_fill_the_axes_and_far_baselines_are_named():
    frame = gallery_sweep("supertokens").frame
    answer = find_answers(frame)[0]
    found = summarize_baselines(frame, answer)
    assert is_near(found, (77.0, 86.0)).tolist() == [True, True, False]
    axes = new_figure(3).add_subplot()
    module.draw_baselines(axes, found, (77.0, 86.0), 1)
    assert axes.get_ylim()[0] > 70
    assert axes.texts[-1].get_text().startswith("↓ from scratch\n59.7")


def test_labels_do_not_collide():
    places = spread([1.0, 1.1, 1.2, 9.9], 1.0, (0.0, 10.0))
    assert places == pytest.approx([1.0, 2.0, 3.0, 9.9])
    assert spread([9.8, 9.9, 10.0], 1.0, (0.0, 10.0)) == pytest.approx([8.0, 9.0, 10.0])


@pytest.mark.parametrize(
    ("counts", "text"),
    [([3, 3], "n = 3 seeds"), ([2, 5], "n = 2 to 5 seeds"), ([1], "n = 1 seed, too few")],
)
def test_captions_say_how_many_seeds(counts: list[int], text: str):
    assert text in interval_words(counts)
