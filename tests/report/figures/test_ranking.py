from collections.abc import Callable

import pytest

from foundry_bench.report.figures.ranking import rank
from foundry_bench.report.study.measures import HELDOUT_NMSE
from tests.report.example_sweeps import fill_baselines, fill_gate, fill_losses
from tests.report.examples import ExampleSweep
from tests.report.summaries import read

MakeSweep = Callable[..., ExampleSweep]


def test_variants_are_ranked_at_the_largest_s(make_sweep: MakeSweep) -> None:
    _, _, summary = read(fill_baselines(make_sweep()))

    data = rank(summary, summary.results[0])

    assert data is not None
    assert [standing.series for standing in data.standings] == [
        "fps student", "tome", "foundry", "narrow", "kmeans student", "random student"
    ]  # fmt: skip
    assert [standing.series for standing in data.standings if standing.role == "main"] == [
        "foundry"
    ]
    assert data.counts == [4, 16, None]
    assert data.standings[0].groups[4].interval(data.y).mean == pytest.approx(81.2)
    error = data.standings[0].groups[16].interval(HELDOUT_NMSE)
    assert error.mean == pytest.approx(2.2 * (0.03 - 0.012 / 5))
    assert [line.variant for line in data.baselines] == ["teacher", "not_distilled", "scratch"]


def test_each_line_has_its_held_out_error(make_sweep: MakeSweep) -> None:
    _, _, summary = read(fill_baselines(make_sweep()))
    data = rank(summary, summary.results[0])
    assert data is not None

    lines = {(line["series"], line.get("supertokens")): line for line in data.lines()}

    assert lines["narrow", ""]["heldout_nmse"] == pytest.approx(0.11)
    assert lines["narrow", ""]["n"] == 3
    assert lines["teacher", None]["what"] == "baseline"


def test_losses_of_one_s_are_ranked(make_sweep: MakeSweep) -> None:
    _, _, summary = read(fill_losses(make_sweep()))

    data = rank(summary, summary.results[0])

    assert data is not None
    assert data.standings[0].series == "foundry, loss smooth_l1"


def test_a_ablation_at_another_s_is_left_out(make_sweep: MakeSweep) -> None:
    sweep = fill_baselines(make_sweep())
    sweep.trial("ablation", "tome", 0, 0.99, supertokens=8)
    _, _, summary = read(sweep)

    data = rank(summary, summary.results[0])

    assert data is not None
    assert data.counts == [4, 16, None]


def test_another_student_that_was_not_distilled_is_a_row(make_sweep: MakeSweep) -> None:
    sweep = fill_baselines(make_sweep())
    for seed, name in ((0, "foundry"), (0, "tome")):
        student = {"name": name}
        varies = {"student": student}
        sweep.trial(
            "baseline",
            "not_distilled",
            seed,
            0.7,
            supertokens=16,
            student=student,
            varies=varies,
            tag=f"-{name}",
        )
    _, _, summary = read(sweep)

    data = rank(summary, summary.results[0])

    assert data is not None
    assert [each.series for each in data.standings if each.role == "baseline"] == [
        "not distilled, student foundry",
        "not distilled, student tome",
    ]


def test_few_lines_over_s_are_left_to_their_profile(full_sweep: ExampleSweep) -> None:
    _, _, summary = read(full_sweep)

    assert rank(summary, summary.results[0]) is None


def test_sweeps_along_other_axes_are_not_ranked(make_sweep: MakeSweep) -> None:
    _, _, summary = read(fill_gate(make_sweep(), (1e-4, 1e-3, 1e-2, 1e-1)))

    assert rank(summary, summary.results[0]) is None


def test_variants_of_another_context_are_left_out(make_sweep: MakeSweep) -> None:
    sweep = make_sweep()
    for difficulty in (0.2, 0.6):
        for name in ("a", "b", "c", "foundry"):
            sweep.trial(
                "main" if name == "foundry" else "ablation",
                name,
                0,
                0.9,
                supertokens=4,
                varies={"data.difficulty": difficulty},
                tag=f"-{difficulty}",
            )
        sweep.trial(
            "baseline",
            "teacher",
            0,
            0.9,
            varies={"data.difficulty": difficulty},
            tag=f"{difficulty}",
        )
    _, _, summary = read(sweep)

    data = rank(summary, summary.results[0])

    assert data is not None
    assert {each.series.partition(", ")[2] for each in data.standings} == {"difficulty 0.2"}
    assert [line.label for line in data.baselines] == ["teacher, difficulty 0.2"]
